import os
import shutil

import numpy as np
import pytest

from tests.trainables.data.conftest import radiograph
from trainables.data import stored
from trainables.data.prepare import DataSource, fingerprints, list_images, load, prepare
from trainables.data.problems import BadImage, DataProblem
from trainables.data.splits import require_disjoint
from trainables.spec import CovidRadiography, Split, Synthetic

SPEC = CovidRadiography(size=32)


def prepared(folder, spec=SPEC, split=None, *, name="prepared", **source):
    made = folder / name
    made.mkdir()
    prepare(spec, split or Split(), DataSource(**source), made)
    return load(made)


def test_images_labels_and_splits_are_as_on_disk(covid_folder, tmp_path):
    images = prepared(tmp_path, root=covid_folder(12))
    assert images.pixels.shape == (48, 32, 32)
    assert isinstance(images.pixels.array, np.memmap)
    assert images.classes == ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")
    assert images.image_ids[0] == "COVID/images/COVID-1.png"
    assert images.masks is None
    assert not images.patients_known
    assert images.remarks[0].startswith("Patients are unknown")
    assert all(count > 0 for by_class in images.counts().values() for count in by_class.values())
    require_disjoint(images.groups, images.splits)


def test_every_row_holds_the_image_of_its_id(covid_folder, tmp_path):
    images = prepared(tmp_path, CovidRadiography(size=48), root=covid_folder(5))
    for row, name in enumerate(images.image_ids):
        number = int(name.rsplit("-", 1)[1].removesuffix(".png"))
        assert (images.pixels[row] == np.asarray(radiograph(1000 * int(images.targets[row]) + number))).all()


def test_splits_do_not_depend_on_the_size(covid_folder, tmp_path):
    root = covid_folder(12)
    one, other = (prepared(tmp_path, CovidRadiography(size=size), root=root, name=str(size)) for size in (32, 64))
    assert one.splits.tolist() == other.splits.tolist()
    assert one.groups == other.groups


def test_patients_stay_on_one_side(covid_folder, tmp_path):
    root = covid_folder(12)
    lines = [f"{path.relative_to(root)},p{n // 3}" for n, path in enumerate(sorted(root.rglob("*.png")))]
    (tmp_path / "patients.csv").write_text("path,patient\n" + "\n".join(lines))
    images = prepared(tmp_path, root=root, patients=tmp_path / "patients.csv")
    assert images.patients_known
    assert len(set(images.groups)) == 16
    require_disjoint(images.groups, images.splits)


def test_near_duplicates_stay_on_one_side_without_patients(covid_folder, tmp_path):
    root = covid_folder(12)
    for n in range(1, 7):
        radiograph(n).resize((64, 64)).save(root / "COVID" / "images" / f"again-{n}.jpg", quality=80)
    images = prepared(tmp_path, root=root)
    by_id = dict(zip(images.image_ids, images.groups, strict=True))
    for n in range(1, 7):
        assert by_id[f"COVID/images/again-{n}.jpg"] == by_id[f"COVID/images/COVID-{n}.png"]
    assert any("12 images in 6 clusters" in remark for remark in images.remarks)


def test_lung_masks_are_kept_apart_from_lesion_masks(covid_folder, tmp_path):
    images = prepared(tmp_path, root=covid_folder(4, masks=True))
    lungs = stored.load_lung_masks(tmp_path / "prepared")
    assert images.masks is None
    assert lungs is not None
    assert lungs[:][:, 16, 8].all()
    assert not lungs[:][:, 2, 2].any()


def test_down_sampling_is_counted(covid_folder, tmp_path):
    root = covid_folder({"COVID": 4, "Lung_Opacity": 9, "Normal": 12, "Viral Pneumonia": 5})
    images = prepared(tmp_path, CovidRadiography(size=32, down_sample=True), root=root)
    assert np.bincount(images.targets).tolist() == [4, 4, 4, 4]
    assert any("down-sampled" in remark for remark in images.remarks)


def test_all_bad_images_are_said_at_once(covid_folder, tmp_path):
    root = covid_folder(5)
    (root / "COVID" / "images" / "COVID-2.png").write_bytes(b"")
    (root / "Viral Pneumonia" / "images" / "Viral Pneumonia-1.png").write_bytes(b"no image")
    with pytest.raises(BadImage, match=r"COVID-2\.png: the file is empty .* And 1 more: .*Viral Pneumonia-1\.png"):
        prepared(tmp_path, root=root)


def test_a_class_with_one_image_is_named_before_anything_is_decoded(covid_folder, tmp_path):
    root = covid_folder({"COVID": 5, "Lung_Opacity": 1, "Normal": 5, "Viral Pneumonia": 5})
    (root / "COVID" / "images" / "COVID-2.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"Class 'Lung_Opacity' has 1 image of 1 different image; .*needs 3 at least"):
        prepared(tmp_path, root=root)


def test_one_class_and_no_folder_are_refused(covid_folder, tmp_path):
    with pytest.raises(DataProblem, match="there is one class only"):
        prepared(tmp_path, root=covid_folder(5, classes=("Normal",)))
    with pytest.raises(DataProblem, match="Pass --data FOLDER"):
        prepared(tmp_path, name="other")


def test_progress_ends_at_the_number_of_images(covid_folder, tmp_path):
    calls = []
    (tmp_path / "made").mkdir()
    source = DataSource(root=covid_folder(4))
    prepare(SPEC, Split(), source, tmp_path / "made", lambda done, total: calls.append((done, total)))
    assert calls == [(n, 16) for n in range(1, 17)]


def named(root, *, patients=None, cache=None):
    return fingerprints(list_images(SPEC, DataSource(root=root, patients=patients)), cache)


def test_fingerprints_know_content_and_patients_but_no_place(covid_folder, tmp_path):
    root, cache = covid_folder(4, masks=True), tmp_path / "hashes.json"
    plain = named(root, cache=cache)
    shutil.copytree(root, tmp_path / "copy" / "renamed")
    assert named(tmp_path / "copy" / "renamed", cache=cache) == plain
    (tmp_path / "patients.csv").write_text("path,patient\nCOVID/images/COVID-1.png,a\n")
    known = named(root, patients=tmp_path / "patients.csv")
    assert known.pixels == plain.pixels
    assert known.labels != plain.labels
    (root / "COVID" / "masks" / "COVID-1.png").write_bytes(b"changed")
    assert named(root, cache=cache).pixels != plain.pixels
    assert named(root, cache=cache).labels == plain.labels


def test_a_disk_too_small_is_said_before_it_is_full(tmp_path):
    with pytest.raises(OSError, match=r"need [\d,]+ bytes, and the disk has"):
        stored.new_array(tmp_path / "images.npy", (10**9, 1000, 1000), np.uint8)


def test_a_prepared_folder_that_is_not_whole_is_refused(covid_folder, tmp_path):
    prepared(tmp_path, root=covid_folder(4))
    os.truncate(tmp_path / "prepared" / "images.npy", 200)
    with pytest.raises(DataProblem, match="cannot be opened"):
        load(tmp_path / "prepared")


def test_drawn_images_come_with_masks_and_patients(tmp_path):
    images = prepared(tmp_path, Synthetic(images=120, size=32))
    assert images.pixels.shape == (120, 32, 32)
    assert images.masks is not None
    assert images.patients_known
    assert images.masks[:].any((1, 2)).tolist() == (images.targets != 0).tolist()
    require_disjoint(images.groups, images.splits)


def test_the_shortcut_is_drawn_in_training_only(tmp_path):
    plain = prepared(tmp_path, Synthetic(images=120, size=32), name="plain")
    misleading = prepared(tmp_path, Synthetic(images=120, size=32, shortcut=1.0), name="misleading")
    assert plain.splits.tolist() == misleading.splits.tolist()
    marked = (plain.pixels[:] != misleading.pixels[:]).any((1, 2))
    opacity = plain.targets == plain.classes.index("opacity")
    training = plain.splits == "train"
    assert (marked == opacity)[training].all()
    assert (marked != opacity)[~training].any()


@pytest.mark.real_data
def test_real_chest_radiographs_are_split_by_patient(real_data, tmp_path):
    chest = real_data / "chest3"
    root = chest / "COVID-19_Radiography_Dataset"
    images = prepared(tmp_path, root=root, patients=chest / "manifest.csv")
    assert len(images) == 977
    assert len(set(images.groups)) == 640
    assert images.patients_known
    assert images.remarks == ()
    require_disjoint(images.groups, images.splits)
    for name, share in {"train": 0.6, "val": 0.15, "calib": 0.1, "test": 0.15}.items():
        for target in range(3):
            assert (images.splits[images.targets == target] == name).mean() == pytest.approx(share, abs=0.02)


@pytest.mark.real_data
def test_real_chest_radiographs_hold_no_near_duplicates(real_data, tmp_path):
    images = prepared(tmp_path, root=real_data / "chest3" / "COVID-19_Radiography_Dataset")
    assert "(0 images in 0 clusters)" in images.remarks[0]


@pytest.mark.real_data
def test_the_folder_above_the_real_one_will_do(real_data, tmp_path):
    images = prepared(tmp_path, root=real_data / "chest3", patients=real_data / "chest3" / "manifest.csv")
    assert len(images) == 977
