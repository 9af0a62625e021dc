from pathlib import Path

import numpy as np

from trainables.data.groups import group_images
from trainables.data.listing import Listing, Row, listing_of


def listed(patients: list[str | None], targets: list[int] | None = None) -> Listing:
    rows = [Row(f"image{n}", (targets or [0] * len(patients))[n], patient) for n, patient in enumerate(patients)]
    return listing_of(Path("root"), ("COVID", "Normal"), rows)


def test_known_patients_are_the_groups_and_unknown_ones_stand_alone():
    groups = group_images(listed(["b", "a", None, "b", None]), np.arange(5))
    assert groups.names == ("b", "a", "image2", "b", "image4")
    assert groups.patients_known
    assert groups.noun == "patients"
    assert groups.remarks == ()


def test_near_duplicates_join_patients_and_the_remark_counts_them():
    groups = group_images(listed(["b", "a", "c", "b", None]), np.array([0, 0, 2, 3, 3]))
    assert groups.names == ("a", "a", "c", "a", "a")
    assert groups.remarks[0].startswith("Near-duplicates join 2 patients to 1 groups")


def test_without_patients_clusters_of_near_duplicates_are_the_groups():
    groups = group_images(listed([None] * 4), np.array([0, 1, 0, 3]))
    assert groups.names == ("image0", "image1", "image0", "image3")
    assert not groups.patients_known
    assert groups.remarks[0].startswith("Patients are unknown")
    assert "2 images in 1 clusters" in groups.remarks[0]


def test_doubles_under_two_classes_are_a_remark():
    groups = group_images(listed(["a", "a", "b"], [0, 1, 1]), np.array([0, 0, 2]))
    assert groups.remarks == ("1 near-duplicates carry another class than their double, such as image0 and image1.",)
