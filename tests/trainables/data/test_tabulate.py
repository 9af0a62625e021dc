"""From files in the true layouts to targets and splits."""

import json

import numpy as np
import pytest

from tests.trainables.data.loaders import chexpert, folder, table
from trainables.data.external import list_external, prepare_external
from trainables.data.prepare import DataSource, load, prepare
from trainables.data.problems import DataProblem
from trainables.data.splits import require_disjoint
from trainables.data.stored import left_out
from trainables.spec import CHEXPERT_LABELS, Chexpert, CovidRadiography, ImageFolder, ImageTable, Split

SPEC = Chexpert(size=32, labels=CHEXPERT_LABELS, uncertain=("ones",))
TABLE = ImageTable(size=32)
MARKS = ImageTable(size=32, labels=("Edema", "Effusion"))


def prepared(folder, spec, split=None, *, name="prepared", **source):
    made = folder / name
    made.mkdir()
    prepare(spec, split or Split(), DataSource(**source), made)
    return load(made)


def test_chexperts_validation_set_is_test_and_the_rest_is_shared_out_by_patient(tmp_path):
    images = prepared(tmp_path, SPEC, root=chexpert.write(tmp_path, patients=20))
    held_out = np.array([name.startswith("valid/") for name in images.image_ids])
    assert ((images.splits == "test") == held_out).all()
    assert set(images.splits[~held_out].tolist()) == {"train", "val", "calib"}
    require_disjoint(images.groups, images.splits)
    assert images.patients_known
    assert images.classes == CHEXPERT_LABELS
    assert images.targets.shape == (72, 14)
    assert len(set(images.studies)) == 48


def test_official_splits_can_be_ignored(tmp_path):
    images = prepared(tmp_path, SPEC, Split(official="ignore"), root=chexpert.write(tmp_path, patients=20))
    held_out = np.array([name.startswith("valid/") for name in images.image_ids])
    assert (images.splits[held_out] != "test").any()
    assert (images.splits[~held_out] == "test").any()


def test_the_policy_for_uncertain_labels_holds_in_training_only(tmp_path):
    root = chexpert.write(tmp_path, patients=20)
    one, other = (
        prepared(tmp_path, Chexpert(size=32, labels=CHEXPERT_LABELS, uncertain=(policy,)), root=root, name=policy)
        for policy in ("ones", "zeros")
    )
    assert one.splits.tolist() == other.splits.tolist()
    training = one.splits == "train"
    assert (one.targets[training] != other.targets[training]).any()
    assert not np.isnan(one.targets[training]).any()
    np.testing.assert_array_equal(one.targets[~training], other.targets[~training])
    assert np.isnan(one.targets[one.splits == "val"]).any()
    assert not np.isnan(one.targets[one.splits == "test"]).any()


def test_a_view_is_chosen_and_counted(tmp_path):
    spec = Chexpert(size=32, labels=CHEXPERT_LABELS, uncertain=("ones",), view="frontal")
    images = prepared(tmp_path, spec, root=chexpert.write(tmp_path, patients=20))
    assert len(images) == 48
    assert "Only frontal images are used (data/view); 24 others are left out." in images.remarks


def spoiled(tmp_path):
    """Four bad images: missing, no image, a label out of range, and a patient of the validation set; and a double row."""
    root = chexpert.write(tmp_path, patients=20)
    lines = (root / "train.csv").read_text().splitlines()
    (root / "train/patient00001/study1/view1_frontal.jpg").unlink()
    (root / "train/patient00002/study1/view1_frontal.jpg").write_bytes(b"no image")
    lines[7] = lines[7].rsplit(",", 1)[0] + ",7.0"
    (root / "valid/patient00004").symlink_to(root / "train" / "patient00004")
    validation = (root / "valid.csv").read_text().splitlines()
    validation.append(validation[1].replace("patient64541", "patient00004"))
    (root / "train.csv").write_text("\n".join([*lines, lines[-1]]) + "\n")
    (root / "valid.csv").write_text("\n".join(validation) + "\n")
    return root


def test_bad_images_of_every_kind_are_an_error_by_default(tmp_path):
    with pytest.raises(DataProblem, match=r"And \d more: .*pass --on-bad-image skip"):
        prepared(tmp_path, SPEC, root=spoiled(tmp_path))


def test_bad_images_are_left_out_and_listed_on_request(tmp_path):
    images = prepared(tmp_path, SPEC, root=spoiled(tmp_path), on_bad_image="skip")
    listed = {(each["path"], each["kind"], each["row"]) for each in left_out(tmp_path / "prepared")}
    doubled = "train/patient00020/study2/view1_frontal.jpg"
    torn = "patient_in_two_splits"
    assert listed == {
        ("train/patient00001/study1/view1_frontal.jpg", "missing", 2),
        ("train/patient00002/study1/view1_frontal.jpg", "unreadable", None),
        ("train/patient00003/study1/view1_frontal.jpg", "label_range", 8),
        ("train/patient00004/study1/view1_frontal.jpg", torn, 11),
        ("train/patient00004/study1/view2_lateral.jpg", torn, 12),
        ("train/patient00004/study2/view1_frontal.jpg", torn, 13),
        (doubled, "duplicate_row", 62),
    }
    assert doubled in images.image_ids
    assert "valid/patient00004/study1/view1_frontal.jpg" in images.image_ids
    assert len(images) == 73 - 6
    assert any(remark.startswith("7 of 74 images are bad and were left out") for remark in images.remarks)
    require_disjoint(images.groups, images.splits)


def test_where_every_image_is_bad_the_first_fault_is_said(tmp_path):
    file = table.write(tmp_path, 4)
    for image in (tmp_path / "images").iterdir():
        image.unlink()
    for on_bad_image in ("error", "skip"):
        with pytest.raises(DataProblem, match=r"line 2: .*000\.png is not there.* And 3 more") as caught:
            prepared(tmp_path, TABLE, root=file, name=on_bad_image, on_bad_image=on_bad_image)
        assert caught.value.kind == "missing"
    (tmp_path / "external").mkdir()
    source = DataSource(root=file, on_bad_image="skip")
    with pytest.raises(DataProblem, match="is not there"):
        prepare_external(TABLE, source, tmp_path / "external", classes=table.CLASSES)


def with_column(file, name, cell):
    header, *lines = file.read_text().splitlines()
    rows = [f"{line},{cell(n)}" for n, line in enumerate(lines)]
    file.write_text("\n".join([f"{header},{name}", *rows]) + "\n")
    return file


def test_the_splits_of_a_table_are_kept_and_the_others_shared_out(tmp_path):
    file = with_column(table.write(tmp_path, 60), "split", lambda n: ("test", "", "train", "valid")[n // 2 % 4])
    images = prepared(tmp_path, TABLE, root=file)
    for n, split in enumerate(images.splits.tolist()):
        assert split in {0: {"test"}, 3: {"val"}}.get(n // 2 % 4, {"train", "calib"})
    assert set(images.splits.tolist()) == {"train", "val", "calib", "test"}
    require_disjoint(images.groups, images.splits)


def test_a_table_without_a_training_part_is_said(tmp_path):
    file = with_column(table.write(tmp_path, 12), "split", lambda n: "test")
    with pytest.raises(DataProblem, match=r"none of them is for training.*split/official=ignore"):
        prepared(tmp_path, TABLE, root=file)
    images = prepared(tmp_path, TABLE, Split(official="ignore"), root=file, name="anew")
    assert {"train", "val", "test"} <= set(images.splits.tolist())


def test_the_validation_set_of_chexpert_alone_has_no_training_part(tmp_path):
    root = chexpert.write(tmp_path, patients=1)
    (root / "train.csv").unlink()
    with pytest.raises(DataProblem, match="none of them is for training"):
        prepared(tmp_path, SPEC, root=root)


def test_marks_of_a_table_become_targets(tmp_path):
    images = prepared(tmp_path, MARKS, root=table.write_marks(tmp_path, 40, name="labels.parquet"))
    assert images.multilabel
    present = [int(name[7:10]) % 4 == 0 for name in images.image_ids]
    assert (images.targets[:, 0] == 1).tolist() == present
    assert not np.isnan(images.targets[:, 1]).any()
    assert images.patients_known


def test_no_identifier_of_a_table_is_stored(tmp_path):
    file = with_column(table.write(tmp_path, 24), "mask", lambda n: f"images/{n:03}.png")
    file.write_text(file.read_text().replace(",p1", ",hospital-number-1"))
    images = prepared(tmp_path, TABLE, root=file)
    assert "hospital-number" not in (tmp_path / "prepared" / "table.json").read_text()
    assert "hospital-number" not in json.dumps([images.groups, images.studies])
    assert len(set(images.groups)) == 12
    assert len(set(images.studies)) == 24
    assert images.masks is not None


def test_an_external_table_is_judged_on_the_labels_that_it_has(tmp_path):
    file = table.write_marks(tmp_path, 8)
    (tmp_path / "made").mkdir()
    classes = ("Effusion", "Fracture", "Edema")
    prepare_external(MARKS, DataSource(root=file), tmp_path / "made", classes=classes)
    images = load(tmp_path / "made")
    assert images.classes == classes
    assert set(images.splits.tolist()) == {"test"}
    assert np.isnan(images.targets[:, 1]).all()
    np.testing.assert_array_equal(images.targets[:4, 2], [1, 0, np.nan, 0])
    np.testing.assert_array_equal(images.targets[:4, 0], [0, 1, 0, 1])


@pytest.mark.parametrize("layout", ["folder", "table", "covid"])
def test_a_map_that_swaps_two_classes_swaps_them_once(tmp_path, covid_folder, layout):
    one, other = {"folder": folder.CLASSES, "table": table.CLASSES, "covid": ("COVID", "Normal")}[layout]
    root, spec = {
        "folder": lambda: (folder.write(tmp_path, 3), ImageFolder(size=32)),
        "table": lambda: (table.write(tmp_path, 6), TABLE),
        "covid": lambda: (covid_folder(3, classes=("COVID", "Normal")), CovidRadiography(size=32)),
    }[layout]()
    plain = list_external(spec, DataSource(root=root), classes=(one, other))
    swapped = list_external(spec, DataSource(root=root), classes=(one, other), renamed={one: other, other: one})
    names = dict(zip(plain.image_ids, plain.targets.tolist(), strict=True))
    assert {name: 1 - target for name, target in names.items()} == dict(
        zip(swapped.image_ids, swapped.targets.tolist(), strict=True)
    )


def test_labels_of_an_external_table_may_be_called_otherwise(tmp_path):
    file = table.write_marks(tmp_path, 8)
    listing = list_external(MARKS, DataSource(root=file), classes=("oedema", "Effusion"), renamed={"Edema": "oedema"})
    assert listing.targets[:4].tolist() == [[1, 0], [0, 1], [-1, 0], [-2, 1]]
    assert listing.remarks == ()


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "test"), [("multilabel", 90), ("multilabel64", 110)])
def test_real_labels_are_split_by_patient(real_data, tmp_path, name, test):
    images = prepared(tmp_path, Chexpert(size=32), root=real_data / name, on_bad_image="skip")
    assert (images.splits == "test").sum() == test
    require_disjoint(images.groups, images.splits)
    assert left_out(tmp_path / "prepared") == []
    shared = images.splits[images.splits != "test"]
    for split, share in {"train": 0.75, "val": 0.15, "calib": 0.1}.items():
        assert (shared == split).mean() == pytest.approx(share, abs=0.05)
