from pathlib import Path

import numpy as np
import pytest

from trainables.data.listing import Row, listing_of
from trainables.data.torn import across, torn_apart


def listing(*rows):
    """Rows of patient and official split."""
    made = [Row(f"{n}.png", 0, patient=who, split=split, line=n + 2) for n, (who, split) in enumerate(rows)]
    return listing_of(Path("data"), ("a", "b"), made)


def torn(images, equal=None):
    official = [None if split == "train" else split for split in images.official]
    problems = torn_apart(images, official, np.array(equal or range(len(images))))
    return [(problem.kind, problem.path.name, problem.row) for problem in problems]


def test_training_images_of_patients_that_are_held_out_are_problems():
    images = listing(("p", "train"), ("q", "train"), ("p", None), ("p", "test"), ("r", "test"))
    assert torn(images) == [("patient_in_two_splits", "0.png", 2), ("patient_in_two_splits", "2.png", 4)]


def test_training_images_whose_picture_is_held_out_are_problems():
    images = listing((None, "train"), (None, "train"), (None, "test"))
    assert torn(images, [0, 1, 0]) == [("duplicate_across_splits", "0.png", 2)]


@pytest.mark.parametrize(
    ("splits", "bad"),
    [
        (("val", "test"), ["0.png"]),
        (("test", "val"), ["1.png"]),
        (("calib", "val"), ["0.png"]),
        (("train", "calib", "val", "test"), ["0.png", "1.png", "2.png"]),
    ],
)
def test_of_two_splits_that_share_a_patient_the_one_that_is_reported_on_keeps_it(splits, bad):
    found = torn(listing(*(("p", split) for split in splits)))
    assert [name for _, name, _ in found] == bad


def test_disjoint_splits_and_data_without_any_are_fine():
    assert torn(listing(("p", "train"), ("p", "train"), ("q", "test"), ("q", "test"), (None, "train"))) == []
    assert torn(listing(("p", None), ("p", None)), [0, 0]) == []


def test_the_message_names_both_images_and_the_way_out():
    images = listing(("p", None), ("p", "test"))
    (problem,) = torn_apart(images, [None, "test"], np.arange(2))
    assert "0.png: it is in 'train' and shows the patient of 1.png in 'test'" in str(problem)
    assert "--on-bad-image skip" in str(problem)


def test_near_duplicates_across_splits_are_counted_only():
    alike = np.array([0, 1, 2, 0, 1, 5])
    official = [None, None, None, "test", None, "test"]
    assert across(alike, official) == (
        "1 images of the training part are near-duplicates of images that the official splits hold out.",
    )
    assert across(alike, [None] * 6) == ()
    assert across(np.arange(6), official) == ()
