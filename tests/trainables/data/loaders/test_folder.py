import os
from pathlib import Path

import numpy as np
import pytest

from tests.trainables.data.conftest import radiograph
from tests.trainables.data.dicoms import dicom
from tests.trainables.data.loaders import chexpert as chexpert_written
from tests.trainables.data.loaders import folder as written
from trainables.data import folder, trees
from trainables.data.layouts import LAYOUTS, detect, require_layout
from trainables.data.problems import DataProblem
from trainables.spec import ImageFolder


@pytest.fixture
def root(tmp_path):
    return written.write(tmp_path)


def listed(root, **more):
    return folder.list_files(root, ImageFolder(), **more)


def test_folders_are_classes_and_images_lie_at_any_depth(root):
    listing = listed(root)
    assert listing.classes == ("effusion", "normal")
    assert listing.image_ids[:5] == (
        "effusion/2.png",
        "effusion/4.png",
        "effusion/older/1.png",
        "effusion/older/3.JPG",
        "effusion/older/5.png",
    )
    assert listing.targets.tolist() == [0] * 5 + [1] * 5
    assert listing.official == (None,) * 10
    assert listing.problems == listing.remarks == ()
    assert not listing.multilabel


def test_classes_are_sorted_as_people_count(tmp_path):
    root = written.write(tmp_path, 1, classes=("grade 10", "grade 2", "grade 1"))
    assert listed(root).classes == ("grade 1", "grade 2", "grade 10")


def test_split_folders_are_official_splits_under_the_usual_names(tmp_path):
    root = written.write(tmp_path, 2, splits=("Train", "validation", "test", "calib"))
    listing = listed(root)
    assert listing.classes == ("effusion", "normal")
    assert [listing.official.count(name) for name in ("train", "val", "test", "calib")] == [4] * 4
    assert set(listing.official) == set(LAYOUTS["folder"].official)
    assert listing.image_ids[0].startswith("Train/effusion/")


def test_two_classes_may_be_called_as_splits_are(tmp_path):
    for name in ("train", "test"):
        (tmp_path / name).mkdir()
        radiograph(1).save(tmp_path / name / "1.png")
    assert listed(tmp_path).classes == ("test", "train")
    assert listed(tmp_path).official == (None, None)


def test_a_class_may_be_absent_in_one_split(tmp_path):
    root = written.write(tmp_path, 2, splits=("train", "test"))
    for image in (root / "test" / "normal").rglob("*.*"):
        image.unlink()
    assert len(listed(root)) == 6


def test_a_class_without_images_is_named(root):
    (root / "pneumonia" / "deep").mkdir(parents=True)
    with pytest.raises(DataProblem, match="class 'pneumonia' has no image there or below") as caught:
        listed(root)
    assert (caught.value.kind, caught.value.path) == ("empty_class", root / "pneumonia")


def test_folders_may_count_as_other_classes(tmp_path):
    root = written.write(tmp_path, 2, classes=("normal", "viral", "bacterial"))
    listing = listed(root, renamed={"viral": "pneumonia", "bacterial": "pneumonia"})
    assert listing.counts() == {"normal": 2, "pneumonia": 4}
    with pytest.raises(DataProblem, match=r"has no class folder 'virul'\. Did you mean 'viral'\?"):
        listed(root, renamed={"virul": "pneumonia"})


def test_dicom_files_are_known_by_suffix_or_content_with_patient_and_study(root):
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    for name, patient, study in (("a.DCM", "p1", "1.2"), ("IM0001", "p1", "1.3"), ("1.2.840.77", "p2", "1.4")):
        (root / "normal" / name).write_bytes(dicom(pixels, PatientID=patient, StudyInstanceUID=study))
    (root / "normal" / "b.dicom").write_bytes(b"no DICOM")
    (root / "normal" / "DICOMDIR").write_bytes(dicom(pixels))
    (root / "normal" / "LICENSE").write_text("free")
    listing = listed(root)
    rows = {name: row for row, name in enumerate(listing.image_ids)}
    assert len(listing) == 14
    one, two, three = (rows[f"normal/{name}"] for name in ("a.DCM", "IM0001", "1.2.840.77"))
    assert listing.patients[one] == listing.patients[two] != listing.patients[three]
    assert len({listing.studies[row] for row in (one, two, three)}) == 3
    assert "p1" not in str(listing.patients) + str(listing.studies)
    for row in (rows["normal/2.png"], rows["normal/b.dicom"]):
        assert listing.patients[row] is listing.studies[row] is None
    assert listing.remarks == ("1 files are no images by their names and were left out: normal/LICENSE, ...",)


def test_other_files_and_images_without_a_class_are_remarks_and_hidden_ones_are_not(root):
    (root / "overview.png").write_bytes(b"x")
    (root / "normal" / "notes.txt").write_text("x")
    (root / "normal" / "Thumbs.db").write_text("x")
    (root / "normal" / "._2.png").write_text("x")
    (root / "normal" / ".hidden").mkdir()
    assert listed(root).remarks == (
        "2 files are no images by their names and were left out: normal/Thumbs.db, ...",
        "1 images lie beside the class folders and were left out: overview.png, ...",
    )


def test_links_that_leave_the_root_or_lead_nowhere_are_problems(root, tmp_path):
    radiograph(5).save(tmp_path / "secret.png")
    os.symlink(tmp_path / "secret.png", root / "normal" / "6.png")
    os.symlink(tmp_path, root / "normal" / "up")
    os.symlink("gone.png", root / "normal" / "7.png")
    listing = listed(root)
    found = {(problem.kind, problem.path) for problem in listing.problems}
    assert found == {
        ("outside", root / "normal" / "6.png"),
        ("outside", root / "normal" / "up"),
        ("missing", root / "normal" / "7.png"),
    }
    assert (len(listing), listing.named) == (10, 13)
    assert all("Copy" in str(problem) or "Restore" in str(problem) for problem in listing.problems)


def test_a_class_folder_that_is_a_link_out_of_the_root_says_so(root, tmp_path):
    (root / "normal").rename(tmp_path / "normal")
    os.symlink(tmp_path / "normal", root / "normal")
    with pytest.raises(DataProblem, match="leads out of the data folder") as caught:
        listed(root)
    assert caught.value.path == root / "normal"


def test_links_within_the_root_are_followed_and_circles_are_not(root):
    os.symlink(root / "normal" / "2.png", root / "normal" / "8.png")
    os.symlink(root / "normal", root / "normal" / "older" / "again")
    listing = listed(root)
    assert len(listing) == 11
    assert listing.problems == ()


def test_names_with_control_characters_are_problems(root):
    radiograph(5).save(root / "normal" / "a\nb.png")
    Path(os.fsdecode(bytes(root / "normal") + b"/\xff.png")).write_bytes(b"x")
    listing = listed(root)
    assert [problem.kind for problem in listing.problems] == ["file_name", "file_name"]
    (root / "normal").rename(root / "nor\tmal")
    with pytest.raises(DataProblem, match=r"nor\\tmal.*control character"):
        listed(root)


def test_folders_nested_deeper_than_the_stack_are_read(root):
    place = root / "normal"
    for _ in range(1100):
        place = place / "d"
        place.mkdir()
    assert len(listed(root)) == 10
    for _ in range(1100):  # removing them takes a stack, too
        place.rmdir()
        place = place.parent


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_without_permission_is_said(root):
    (root / "normal" / "older").chmod(0)
    try:
        with pytest.raises(DataProblem, match="cannot be read"):
            listed(root)
    finally:
        (root / "normal" / "older").chmod(0o755)


def test_the_layout_is_detected_after_the_particular_ones(root, tmp_path):
    assert detect(root) == "folder"
    assert require_layout(tmp_path, "folder") == root
    assert detect(chexpert_written.write(tmp_path / "other")) == "chexpert"


def test_one_folder_with_images_or_folders_without_are_not_this_layout(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "1.png").write_bytes(b"x")
    (tmp_path / "b" / "notes.txt").write_bytes(b"x")
    assert not folder.matches(tmp_path)
    assert not folder.matches(tmp_path / "a" / "1.png")
    assert not folder.matches(tmp_path / "missing")
    with pytest.raises(
        DataProblem, match=r"does not have the layout 'folder', which is <class>/\*\*/<image> with at least"
    ):
        require_layout(tmp_path, "folder")


def test_one_class_in_two_splits_is_not_this_layout(tmp_path):
    root = written.write(tmp_path, 1, classes=("normal",), splits=("train", "test"))
    assert not folder.matches(root)


def test_the_search_for_an_image_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(trees, "SEARCHED", 20)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for n in range(30):
            (tmp_path / name / f"{n}.txt").write_bytes(b"")
        radiograph(1).save(tmp_path / name / "z.png")
    calls = []
    monkeypatch.setattr(trees, "is_image", lambda path: bool(calls.append(path)))
    assert not folder.matches(tmp_path)
    assert len(calls) == 40
