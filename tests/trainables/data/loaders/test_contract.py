"""What every loader does, whatever its layout: one suite over small data sets as they are published."""

import os
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.trainables.data.loaders import chexpert, covid, folder, imageclef, medmnist, mura, table
from trainables.data.check import check
from trainables.data.layouts import LAYOUTS, detect
from trainables.data.prepare import DataSource, fingerprints, list_images, load, prepare
from trainables.data.problems import DataProblem
from trainables.data.splits import require_disjoint
from trainables.data.stored import left_out
from trainables.spec import (
    Chexpert,
    CovidRadiography,
    FileSpec,
    ImageClef,
    ImageFolder,
    ImageTable,
    MedMnist,
    Mura,
    Split,
)

WRITERS: dict[str, tuple[ModuleType, FileSpec]] = {
    "chexpert": (chexpert, Chexpert(size=32)),
    "covid": (covid, CovidRadiography(size=32)),
    "folder": (folder, ImageFolder(size=32)),
    "imageclef": (imageclef, ImageClef(size=32, min_images=1)),
    "medmnist": (medmnist, MedMnist(size=32)),
    "mura": (mura, Mura(size=32)),
    "table": (table, ImageTable(size=32)),
}
SPLIT = Split(val=0.25, calib=0.0, test=0.25)


@pytest.fixture(params=sorted(WRITERS))
def layout(request):
    return request.param


@pytest.fixture
def place(layout, tmp_path):
    (tmp_path / "data").mkdir()
    more = {"images": 4 * len(imageclef.CODES)} if layout == "imageclef" else {}
    return WRITERS[layout][0].write(tmp_path / "data", **more)


@pytest.fixture
def spec(layout):
    return WRITERS[layout][1]


def listed(spec, place):
    return list_images(spec, DataSource(root=place))


def prepared(spec, place, made: Path, **source):
    made.mkdir()
    prepare(spec, SPLIT, DataSource(root=place, **source), made)
    return load(made)


def image_file(spec, place) -> Path:
    listing = listed(spec, place)
    if listing.archive is not None:
        pytest.skip("its images are no files of their own")
    return listing.root / listing.image_ids[0]


def test_there_is_a_writer_for_every_layout():
    assert set(WRITERS) == set(LAYOUTS)


def test_the_layout_is_detected_in_its_folder_and_in_the_one_above(layout, place):
    assert detect(place) == layout
    assert detect(place.parent) == layout


def test_ids_are_different_paths_below_the_root_and_every_row_is_an_image(spec, place):
    listing = listed(spec, place)
    assert len(set(listing.image_ids)) == len(listing) == listing.named > 0
    assert listing.problems == ()
    for name in listing.image_ids:
        assert not name.startswith(("/", "../"))
        assert listing.archive is not None or (listing.root / name).is_file()


def test_targets_are_classes_or_labels_that_there_are(spec, place):
    listing = listed(spec, place)
    if listing.multilabel:
        assert listing.targets.shape == (len(listing), len(listing.classes))
        assert set(np.unique(listing.targets)) <= {1, 0, -1, -2}
    else:
        assert listing.targets.shape == (len(listing),)
        assert set(listing.targets.tolist()) == set(range(len(listing.classes)))


def test_official_splits_are_known_by_name_and_disjoint_by_patient(layout, spec, place):
    listing = listed(spec, place)
    assert set(listing.official) - {None} <= set(LAYOUTS[layout].official)
    seen = {}
    for who, split in zip(listing.patients, listing.official, strict=True):
        assert who is None or split is None or seen.setdefault(who, split) == split


def test_neither_the_place_nor_the_order_on_disk_matters(spec, place, tmp_path):
    before = listed(spec, place)
    (tmp_path / "moved").mkdir()
    source = place if place.is_dir() else place.parent
    shutil.copytree(source, tmp_path / "moved" / "elsewhere", copy_function=shutil.copy)
    moved = tmp_path / "moved" / "elsewhere"
    after = listed(spec, moved)
    assert after.image_ids == before.image_ids
    assert after.content() == before.content()
    assert fingerprints(after) == fingerprints(before)


def test_it_is_prepared_to_disjoint_splits_with_the_images_of_their_ids(spec, place, tmp_path):
    images = prepared(spec, place, tmp_path / "made")
    require_disjoint(images.groups, images.splits)
    assert {"train", "val", "test"} <= set(images.splits.tolist())
    assert images.pixels.shape == (len(images), 32, 32)
    assert all(pixels.min() < pixels.max() for pixels in images.pixels)
    if images.patients_known:
        assert all(name.startswith("patient-") or "/" in name for name in images.groups), "a patient by name"


def test_preparing_twice_gives_the_same(spec, place, tmp_path):
    one, other = (prepared(spec, place, tmp_path / name) for name in ("one", "other"))
    assert one.image_ids == other.image_ids
    assert one.splits.tolist() == other.splits.tolist()
    assert np.array_equal(one.targets, other.targets, equal_nan=one.multilabel)
    assert (one.pixels[:] == other.pixels[:]).all()


def test_a_clean_data_set_has_no_problem(layout, place):
    found = check(place)
    assert found.layout == layout
    assert found.problems == ()
    assert found.images == sum(found.splits.values() or found.classes.values())


def test_an_empty_image_is_named_and_can_be_left_out(spec, place, tmp_path):
    bad = image_file(spec, place)
    bad.write_bytes(b"")
    with pytest.raises(DataProblem, match=f"{bad.name}: the file is empty"):
        prepared(spec, place, tmp_path / "refused")
    images = prepared(spec, place, tmp_path / "made", on_bad_image="skip")
    assert [one["kind"] for one in left_out(tmp_path / "made")] == ["zero_byte"]
    assert len(images) == len(listed(spec, place)) - 1
    assert any("1 of" in remark and "left out" in remark for remark in images.remarks)


def test_a_missing_image_is_a_problem_where_a_file_names_it(layout, spec, place):
    gone, before = image_file(spec, place), listed(spec, place)
    gone.unlink()
    after = listed(spec, place)
    if layout in ("covid", "folder"):  # a folder names what is in it
        assert len(after) == len(before) - 1
        return
    assert after.named == before.named
    assert [problem.kind for problem in after.problems] == ["missing"]
    assert after.problems[0].row is not None
    assert gone.stem in str(after.problems[0])


def test_a_link_out_of_the_folder_is_refused(spec, place, tmp_path):
    bad = image_file(spec, place)
    outside = tmp_path / f"outside{bad.suffix}"
    shutil.move(bad, outside)
    os.symlink(outside, bad)
    before = len(listed_or_refused(spec, place))
    assert before == 1


def listed_or_refused(spec, place):
    """Kinds of what is wrong, by an error or by a problem."""
    try:
        found = [problem.kind for problem in listed(spec, place).problems]
    except DataProblem as problem:
        found = [problem.kind]
    assert found == ["outside"]
    return found
