import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.data.splits import (
    assign_splits,
    calibration_split,
    remarks,
    require_disjoint,
    require_splittable,
)
from trainables.spec import SPLITS, Split


@st.composite
def data_sets(draw: st.DrawFn) -> tuple[np.ndarray, list[str]]:
    """Classes with four groups of their own at least, and groups that hold several classes."""
    classes = draw(st.integers(1, 4))
    rows: list[tuple[int, str]] = []
    for target in range(classes):
        sizes = draw(st.lists(st.integers(1, 6), min_size=4, max_size=20))
        rows += [(target, f"c{target}g{n}") for n, size in enumerate(sizes) for _ in range(size)]
    mixed = draw(st.lists(st.lists(st.integers(0, classes - 1), min_size=1, max_size=6), max_size=8))
    rows += [(target, f"mixed{n}") for n, targets in enumerate(mixed) for target in targets]
    return np.array([target for target, _ in rows]), [group for _, group in rows]


splits_asked = st.builds(
    Split,
    val=st.floats(0.05, 0.3),
    calib=st.sampled_from([0.0, 0.1, 0.2]),
    test=st.floats(0.05, 0.3),
    seed=st.integers(0, 1000),
)


@settings(max_examples=60, deadline=None)
@given(data_sets(), splits_asked)
def test_splits_are_disjoint_by_group_and_hold_every_class(data, split):
    targets, groups = data
    splits = assign_splits(targets, groups, split)
    require_disjoint(groups, splits)
    wanted = set(SPLITS) - ({"calib"} if split.calib == 0 else set())
    for target in set(targets.tolist()):
        assert set(splits[targets == target].tolist()) == wanted


@settings(max_examples=40, deadline=None)
@given(data_sets(), splits_asked, st.randoms(use_true_random=False))
def test_splits_depend_on_names_and_not_on_the_order_of_rows(data, split, random):
    targets, groups = data
    splits = assign_splits(targets, groups, split)
    order = list(range(len(groups)))
    random.shuffle(order)
    again = assign_splits(targets[order], [groups[n] for n in order], split)
    assert again.tolist() == splits[order].tolist()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(8, 60), min_size=1, max_size=4), splits_asked)
def test_shares_of_every_class_are_within_two_images_where_groups_are_single_images(sizes, split):
    targets = np.repeat(np.arange(len(sizes)), sizes)
    splits = assign_splits(targets, [f"p{n}" for n in range(len(targets))], split)
    for target, size in enumerate(sizes):
        for name in ("val", "calib", "test"):
            held = ((splits == name) & (targets == target)).sum()
            assert abs(held - getattr(split, name) * size) <= 2


def test_shares_are_close_for_patients_with_many_images_of_several_classes():
    random = np.random.default_rng(0)
    patients = np.repeat(np.arange(400), random.integers(1, 9, 400))
    targets = random.integers(0, 4, len(patients))
    splits = assign_splits(targets, [f"p{n}" for n in patients], Split())
    for target in range(4):
        shares = {name: (splits[targets == target] == name).mean() for name in SPLITS}
        assert shares == pytest.approx({"train": 0.6, "val": 0.15, "calib": 0.1, "test": 0.15}, abs=0.01)


def test_large_patients_do_not_all_go_to_train():
    patients = [f"p{n}" for n in range(100) for _ in range(10 if n < 40 else 1)]
    splits = assign_splits(np.zeros(len(patients), np.int64), patients, Split())
    large = {
        name for name, split in zip(patients, splits, strict=True) if patients.count(name) == 10 and split != "train"
    }
    assert 12 <= len(large) <= 20


def test_another_seed_gives_other_splits():
    targets, groups = np.arange(80) % 2, [f"p{n}" for n in range(80)]
    one, other = (assign_splits(targets, groups, Split(seed=seed)) for seed in (0, 1))
    assert one.tolist() != other.tolist()


def test_a_class_too_small_is_named_with_its_count_and_the_way_out():
    targets, groups = np.array([0] * 12 + [1] * 5), [f"p{n}" for n in range(12)] + ["q1"] * 3 + ["q2"] * 2
    with pytest.raises(ValueError, match=r"Class 'COVID' has 5 images of 2 patients.*at least.*leave the class out"):
        assign_splits(targets, groups, Split(), classes=("Normal", "COVID"), noun="patients")


def test_a_class_without_images_is_named():
    with pytest.raises(ValueError, match="Class 'b' has 0 images"):
        require_splittable(np.zeros(5, np.int64), list("vwxyz"), classes=("a", "b"))


def test_a_class_whose_groups_are_tied_to_others_is_named():
    # the groups of a class must differ in their split; w, x and y share a, and z shares a class with each of them
    held = {"w": "ab", "x": "ac", "y": "ad", "z": "bcd", "p": "b", "q": "c", "r": "d"}
    targets = np.array(["abcd".index(name) for names in held.values() for name in names])
    groups = [group for group, names in held.items() for _ in names]
    with pytest.raises(ValueError, match=r"No image of class '[a-d]' could be put into .*hold images of other classes"):
        assign_splits(targets, groups, Split(), classes="abcd", noun="patients")


def test_three_groups_leave_no_calib_and_the_remark_says_that_val_is_used():
    targets, groups = np.array([0] * 20 + [1] * 3), [f"p{n}" for n in range(23)]
    splits = assign_splits(targets, groups, Split())
    assert set(splits[targets == 1].tolist()) == {"train", "val", "test"}
    assert calibration_split(splits) == "val"
    assert "Calibration is fitted on val, because a class is too small" in remarks(splits, Split())[0]


def test_no_calib_asked_for_is_a_remark():
    splits = assign_splits(np.zeros(40, np.int64), [f"p{n}" for n in range(40)], Split(calib=0))
    assert calibration_split(splits) == "val"
    assert remarks(splits, Split(calib=0)) == (
        "Calibration is fitted on val, because the split asks for no calib part (split/calib is 0).",
    )


def test_a_large_data_set_has_no_remarks():
    splits = assign_splits(np.arange(1000) % 3, [f"p{n}" for n in range(1000)], Split())
    assert remarks(splits, Split()) == ()
    assert calibration_split(splits) == "calib"


def test_one_huge_patient_is_a_remark_about_shares():
    groups = ["huge"] * 300 + [f"p{n}" for n in range(30)]
    splits = assign_splits(np.zeros(330, np.int64), groups, Split())
    assert any("groups are large" in remark for remark in remarks(splits, Split()))


def test_a_leak_names_the_group_and_both_splits():
    with pytest.raises(ValueError, match=r"Group 'p7' has images in 'train' and in 'test'"):
        require_disjoint(["p7", "p8", "p7"], np.array(["train", "val", "test"]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=3, max_size=12), splits_asked, st.integers(0, 100))
def test_of_labels_no_split_but_calib_is_empty_and_groups_stay_whole(sizes, split, seed):
    groups = [f"p{n}" for n, size in enumerate(sizes) for _ in range(size)]
    targets = np.random.default_rng(seed).integers(-2, 2, (len(groups), 3)).astype(np.int8)
    splits = assign_splits(targets, groups, split)
    assert {"train", "val", "test"} <= set(splits.tolist())
    require_disjoint(groups, splits)


def test_three_patients_with_labels_leave_no_calib_however_large_its_share_is():
    groups = ["p"] * 17 + ["q"] * 13 + ["r"] * 10
    targets = np.ones((40, 2), np.int8)
    splits = assign_splits(targets, groups, Split(val=0.05, calib=0.3, test=0.05))
    assert set(splits.tolist()) == {"train", "val", "test"}


def test_rare_and_frequent_labels_are_shared_out_alike():
    random = np.random.default_rng(0)
    targets = (random.random((2000, 3)) < [0.5, 0.1, 0.02]).astype(np.int8)
    splits = assign_splits(targets, [f"p{n}" for n in range(2000)], Split())
    for name, share in {"train": 0.6, "val": 0.15, "calib": 0.1, "test": 0.15}.items():
        assert (splits == name).mean() == pytest.approx(share, abs=0.005)
        for label in range(3):
            assert (splits[targets[:, label] == 1] == name).mean() == pytest.approx(share, abs=0.03)


def test_uncertain_and_blank_labels_are_not_counted_as_present():
    present = np.zeros((100, 2), np.int8)
    present[:20] = 1
    other = present.copy()
    other[20:60, 0], other[60:, 1] = -1, -2
    groups = [f"p{n}" for n in range(100)]
    assert assign_splits(present, groups, Split()).tolist() == assign_splits(other, groups, Split()).tolist()


def test_two_patients_with_labels_are_too_few():
    with pytest.raises(
        ValueError, match=r"There are 4 images of 2 patients, and train, val and test share no patients"
    ):
        assign_splits(np.ones((4, 2), np.int8), ["p", "p", "q", "q"], Split(), noun="patients")


@pytest.mark.parametrize("official", [{"test"}, {"val"}, {"val", "test"}, {"calib"}, {"val", "calib", "test"}])
@pytest.mark.parametrize("labels", [False, True])
def test_splits_that_the_data_set_names_get_nothing_and_the_others_their_shares(official, labels):
    targets = np.arange(400) % 2
    targets = np.stack([targets, 1 - targets], 1) if labels else targets
    splits = assign_splits(targets, [f"p{n}" for n in range(400)], Split(), official=official)
    assert set(splits.tolist()) == set(SPLITS) - official
    for name in {"val", "calib", "test"} - official:
        assert (splits == name).mean() == pytest.approx(getattr(Split(), name), abs=0.01)


def test_remarks_judge_the_shares_of_what_was_shared_out():
    shared = assign_splits(np.arange(800) % 2, [f"p{n}" for n in range(800)], Split(), official={"test"})
    assert remarks(np.concatenate([shared, ["test"] * 3000]), Split(), {"test"}) == ()


def test_a_class_may_have_one_patient_where_val_and_test_are_named_already():
    targets = np.array([0] * 20 + [1])
    splits = assign_splits(targets, [f"p{n}" for n in range(21)], Split(), official={"val", "test"})
    assert splits[-1] == "train"
