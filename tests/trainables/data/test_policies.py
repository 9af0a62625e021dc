from pathlib import Path

import numpy as np
import pytest

from trainables.data.listing import BLANK, UNCERTAIN, UNKNOWN, Row, listing_of
from trainables.data.policies import targets_of
from trainables.spec import Chexpert, ImageFolder, ImageTable, MedMnist

LABELS = ("Atelectasis", "Edema")
SPLITS = np.array(["train", "train", "val", "calib", "test"])


def listing(marks, labels=LABELS):
    return listing_of(Path("data"), labels, [Row(f"{n}.png", tuple(each)) for n, each in enumerate(marks)])


def uncertain(images=5):
    return listing([(UNCERTAIN, 1)] * images)


def chexpert(*policies, **more):
    return Chexpert(labels=LABELS, uncertain=policies, **more)


@pytest.mark.parametrize(("policy", "value"), [("zeros", 0.0), ("ones", 1.0), ("ignore", np.nan)])
@pytest.mark.parametrize("spec", [Chexpert, ImageTable])
def test_a_policy_holds_in_training_and_uncertain_labels_are_left_out_elsewhere(spec, policy, value):
    targets = targets_of(uncertain(), spec(labels=LABELS, uncertain=(policy,)), SPLITS)
    assert targets.dtype == np.float32
    np.testing.assert_array_equal(targets[:, 0], [value, value, np.nan, np.nan, np.nan])
    assert (targets[:, 1] == 1).all()


def test_every_label_has_its_own_policy():
    marks = listing([(UNCERTAIN, UNCERTAIN)] * 5)
    targets = targets_of(marks, chexpert("ones", "zeros"), SPLITS)
    assert targets[:2].tolist() == [[1, 0], [1, 0]]
    assert np.isnan(targets[2:]).all()


def test_definite_labels_are_what_they_are_under_any_policy():
    marks = listing([(1, 0), (0, 1), (1, 1), (0, 0), (1, 0)])
    for policy in ("zeros", "ones", "ignore", "smoothed"):
        assert (targets_of(marks, chexpert(policy), SPLITS) == marks.targets).all()


@pytest.mark.parametrize(("blank", "value"), [("zeros", 0.0), ("ignore", np.nan)])
def test_blank_labels_count_the_same_in_every_split(blank, value):
    targets = targets_of(listing([(BLANK, 1)] * 5), chexpert("ones", blank=blank), SPLITS)
    np.testing.assert_array_equal(targets[:, 0], [value] * 5)


def test_labels_that_the_data_set_has_not_count_nowhere():
    targets = targets_of(listing([(UNKNOWN, 1)] * 5), chexpert("ones", blank="zeros"), SPLITS)
    assert np.isnan(targets[:, 0]).all()


def test_smoothed_targets_are_drawn_evenly_from_their_range():
    many = uncertain(3000)
    drawn = targets_of(many, chexpert("smoothed", smoothed_low=0.6, smoothed_high=0.8), np.full(3000, "train"))[:, 0]
    assert drawn.min() >= np.float32(0.6)
    assert drawn.max() <= np.float32(0.8)
    counts, _ = np.histogram(drawn, 10, (0.6, 0.8))
    assert abs(counts - 300).max() < 80


def test_smoothed_targets_know_seed_label_and_image_but_no_order():
    train = np.full(40, "train")
    marks = listing([(UNCERTAIN, UNCERTAIN)] * 40)
    first = targets_of(marks, chexpert("smoothed"), train)
    assert (targets_of(marks, chexpert("smoothed"), train) == first).all()
    backwards = targets_of(marks.take(range(39, -1, -1)), chexpert("smoothed"), train)
    assert (backwards[::-1] == first).all()
    assert (targets_of(marks, chexpert("smoothed", seed=1), train) != first).all()
    assert (first[:, 0] != first[:, 1]).all()
    assert len(set(first[:, 0].tolist())) == 40


def test_a_label_keeps_its_draws_when_others_join_it():
    alone = targets_of(
        listing([(UNCERTAIN,)] * 9, ("Edema",)),
        Chexpert(labels=("Edema",), uncertain=("smoothed",)),
        np.full(9, "train"),
    )
    both = targets_of(listing([(UNCERTAIN, UNCERTAIN)] * 9), chexpert("smoothed"), np.full(9, "train"))
    assert (alone[:, 0] == both[:, 1]).all()


def test_tables_draw_from_the_range_of_the_paper():
    drawn = targets_of(uncertain(500), ImageTable(labels=LABELS, uncertain=("smoothed",)), np.full(500, "train"))[:, 0]
    assert 0.55 <= drawn.min() < 0.56
    assert 0.84 < drawn.max() <= 0.85


def test_layouts_without_policies_leave_uncertain_labels_out_and_take_blank_ones_as_absent():
    targets = targets_of(listing([(UNCERTAIN, BLANK)] * 5), MedMnist(), SPLITS)
    assert np.isnan(targets[:, 0]).all()
    assert (targets[:, 1] == 0).all()


def test_classes_stay_numbers():
    rows = [Row("a.png", 1), Row("b.png", 0)]
    targets = targets_of(listing_of(Path("data"), ("a", "b"), rows), ImageFolder(), np.array(["train", "val"]))
    assert targets.tolist() == [1, 0]
    assert targets.dtype == np.int64
