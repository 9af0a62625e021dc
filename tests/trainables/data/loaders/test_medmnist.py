import io
import pickle
import random
import tracemalloc
import zipfile

import numpy as np
import pytest

from tests.trainables.data.loaders import medmnist as layout
from trainables.data import medmnist
from trainables.data.layouts import detect, require_layout
from trainables.data.medmnist_names import NAMES, names_of
from trainables.data.prepare import DataSource, list_images, load, prepare
from trainables.data.problems import DataProblem
from trainables.data.readers import archive_of
from trainables.data.stored import left_out
from trainables.spec import MedMnist, Split

SPEC = MedMnist()


@pytest.fixture
def root(tmp_path):
    return layout.write(tmp_path)


def saved(folder, name="pneumoniamnist", **changed):
    """A file with some arrays in place of the usual ones, or without them."""
    arrays = {key: array for key, array in (layout.arrays() | changed).items() if array is not None}
    np.savez_compressed(folder / f"{name}.npz", **arrays)
    return folder / f"{name}.npz"


def listed(root, spec=SPEC):
    return medmnist.list_files(root, spec)


def refused(root, spec=SPEC):
    with pytest.raises(DataProblem) as caught:
        listed(root, spec)
    return caught.value


def test_rows_are_in_order_of_the_splits_and_named_by_place(root):
    listing = listed(root)
    assert listing.classes == ("normal", "pneumonia")
    assert listing.image_ids[0] == "train/000000"
    assert listing.image_ids[12:14] == ("val/000000", "val/000001")
    assert listing.official == ("train",) * 12 + ("val",) * 4 + ("test",) * 4
    assert listing.targets.tolist() == [0, 1] * 10
    assert (listing.root, listing.archive, listing.native_size) == (root, "pneumoniamnist.npz", 28)
    assert listing.files() == ["pneumoniamnist.npz"]
    assert (listing.problems, listing.remarks) == ((), ())


def test_the_file_the_folder_and_the_folder_above_will_do(root, tmp_path):
    file = root / "pneumoniamnist.npz"
    assert (detect(file), detect(root), detect(tmp_path)) == ("medmnist",) * 3
    assert require_layout(tmp_path, "medmnist") == root
    assert listed(file).content() == listed(root).content()
    assert listed(file, MedMnist(name="pneumoniamnist.npz")).root == root


def test_one_of_several_files_is_chosen_by_name(root):
    saved(root, "breastmnist_64")
    np.savez(root / "results.npz", accuracy=np.zeros(3))
    assert listed(root, MedMnist(name="breastmnist_64")).classes == ("malignant", "normal, benign")
    assert "holds 2 data sets: breastmnist_64, pneumoniamnist. Set data/name" in str(refused(root))
    assert "Did you mean 'breastmnist_64'?" in str(refused(root, MedMnist(name="breastmnist")))
    assert refused(root / "pneumoniamnist.npz", MedMnist(name="breastmnist_64")).kind == "missing"
    assert refused(root, MedMnist(name="../medmnist/pneumoniamnist")).kind == "missing"


def test_any_of_the_splits_may_be_missing(root):
    saved(root, train_images=None, train_labels=None, test_images=None, test_labels=None)
    assert set(listed(root).official) == {"val"}


def test_names_are_known_by_the_file_and_numbers_are_names_otherwise(root):
    assert names_of("ChestMNIST_224") == NAMES["chestmnist"]
    assert len(NAMES["chestmnist"]) == 14
    file = saved(root, "mine", train_labels=np.array([7, 3, 5] * 4))
    assert listed(file).classes == ("class 0", "class 1", "class 3", "class 5", "class 7")
    assert listed(file).counts() == {"class 0": 4, "class 1": 4, "class 3": 4, "class 5": 4, "class 7": 4}


def test_several_labels_are_tuples(root):
    several = {f"{split}_labels": np.eye(14, dtype=bool)[:count] for split, count in layout.COUNTS.items()}
    listing = listed(saved(root, "chestmnist", **several))
    assert listing.multilabel
    assert listing.targets.shape == (layout.IMAGES, 14)
    assert listing.targets[12].tolist() == [1] + [0] * 13
    assert listing.classes[0] == "atelectasis"
    assert listed(saved(root, "mine", **several)).classes[13] == "label 13"
    by_columns = {key: np.asfortranarray(labels) for key, labels in several.items()}
    assert (listed(saved(root, "chestmnist", **by_columns)).targets == listing.targets).all()


@pytest.mark.parametrize(("name", "label"), [("pneumoniamnist", 2), ("pneumoniamnist", -1), ("mine", -5)])
def test_a_label_out_of_range_is_a_problem_of_its_image(root, name, label):
    labels = np.zeros((12, 1), np.int64)
    labels[5] = label
    file = saved(root, name, train_labels=labels)
    listing = listed(file)
    assert listing.named == layout.IMAGES
    assert [(problem.kind, problem.path) for problem in listing.problems] == [("label_range", root / "train/000005")]
    assert f"image 5 of 'train_images' has the label {label}, and " in str(listing.problems[0])
    arrays = np.load(file)
    read = archive_of(listing).read(range(3, 15))
    assert (
        np.array(read) == np.concatenate([arrays["train_images"][[3, 4, *range(6, 12)]], arrays["val_images"]])
    ).all()


def test_several_labels_are_0_or_1(root):
    several = {f"{split}_labels": np.zeros((count, 14), np.int8) for split, count in layout.COUNTS.items()}
    several["val_labels"][2, 3] = -1
    problem = listed(saved(root, "chestmnist", **several)).problems[0]
    assert (problem.kind, problem.path) == ("label_range", root / "val/000002")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"train_images": None}, "it has 'train_labels' and no 'train_images'"),
        ({"val_labels": None}, "it has 'val_images' and no 'val_labels'"),
        ({"train_images": np.zeros((12, 28, 28))}, "'train_images' is of type float64, not uint8"),
        ({"train_images": np.zeros((12, 28, 28, 28), np.uint8)}, r"has the shape \(12, 28, 28, 28\), not"),
        ({"train_images": np.zeros((12, 0, 28), np.uint8)}, r"has the shape \(12, 0, 28\), not"),
        ({"train_images": np.zeros(12, np.uint8)}, r"has the shape \(12,\), not"),
        ({"train_images": np.zeros((12, 28, 28), np.uint8, "F")}, "Fortran's order"),
        ({"train_images": np.zeros((11, 28, 28), np.uint8)}, "has 11 images and 'train_labels' 12 labels"),
        ({"train_images": np.zeros((12, 32, 28), np.uint8)}, r"is \(32, 28\) in 'train' and \(28, 28\) in 'val'"),
        ({"train_labels": np.zeros(12)}, "'train_labels' is of type float64, not of integers"),
        ({"train_labels": np.zeros((12, 2), np.uint8)}, "number of labels of an image is 2 in 'train' and 1 in 'val'"),
        ({"train_labels": np.zeros((12, 1, 1), np.uint8)}, r"has the shape \(12, 1, 1\), not"),
        ({"train_labels": np.zeros((12, 0), np.uint8)}, r"has the shape \(12, 0\), not"),
        ({"train_labels": np.uint8(1)}, r"has the shape \(\), not"),
    ],
)
def test_arrays_of_another_type_or_shape_are_refused(root, changed, said):
    with pytest.raises(DataProblem, match=said):
        listed(saved(root, **changed))


def test_images_that_are_taken_for_a_bomb_are_refused(root, monkeypatch):
    monkeypatch.setattr("trainables.data.medmnist_arrays.LARGEST_PIXELS", 700)
    problem = refused(root)
    assert problem.kind == "bomb"
    assert "has 28 x 28 pixels; at most 700 are read" in str(problem)


def test_a_file_without_images_or_without_arrays_is_refused(root):
    file = root / "pneumoniamnist.npz"
    np.savez(file, x=np.zeros(3))
    assert "has no array 'train_images'; it holds x" in str(refused(root))
    np.savez(file, train_images=np.zeros((0, 28, 28), np.uint8), train_labels=np.zeros((0, 1), np.uint8))
    assert "holds no image" in str(refused(root))
    file.unlink()
    assert detect(root) is None


class Bomb:
    def __reduce__(self):
        return print, ("unpickled",)


def test_nothing_is_ever_unpickled(root, capsys):
    np.savez(root / "pneumoniamnist.npz", train_images=layout.arrays()["train_images"], train_labels=[Bomb()] * 12)
    problem = refused(root)
    assert problem.kind == "unreadable"
    assert "holds Python objects" in str(problem)
    (root / "pneumoniamnist.npz").write_bytes(pickle.dumps(Bomb()))
    assert refused(root).kind == "unreadable"
    assert capsys.readouterr().out == ""


def test_damaged_files_are_told_apart(root):
    file = root / "pneumoniamnist.npz"
    whole = file.read_bytes()
    for content, kind in ((whole[:-30], "truncated"), (b"", "zero_byte"), (b"no archive", "unreadable")):
        file.write_bytes(content)
        assert medmnist.matches(root)
        assert refused(root).kind == kind


def test_a_header_that_promises_more_than_there_is_is_refused(root):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (10**17, 28, 28)})
    with zipfile.ZipFile(root / "pneumoniamnist.npz", "w") as archive:
        archive.writestr("train_images.npy", stream.getvalue())
        archive.writestr("train_labels.npy", stream.getvalue())
    problem = refused(root)
    assert problem.kind == "truncated"
    assert "promises 78,400,000,000,000,000,000 bytes, and it holds 0" in str(problem)


def test_rows_are_read_in_blocks_again_and_in_colour(root):
    colour = {f"{split}_images": np.random.default_rng(0).integers(0, 256, (count, 20, 30, 3), np.uint8)
              for split, count in layout.COUNTS.items()}  # fmt: skip
    listing = listed(saved(root, **colour))
    assert listing.native_size == 20
    expected = np.concatenate(list(colour.values()))
    images = medmnist.Images(listing)
    for start, end in ((0, 7), (7, 14), (14, 20), (3, 5), (0, 20)):
        assert (np.array(images.read(range(start, end))) == expected[start:end]).all()


def test_damage_among_the_images_is_a_problem_when_they_are_read(root):
    file = root / "pneumoniamnist.npz"
    np.savez(file, **layout.arrays())
    content = bytearray(file.read_bytes())
    place = content.find(layout.arrays()["train_images"][6].tobytes())
    content[place] ^= 255
    file.write_bytes(content)
    images = medmnist.Images(listed(root))
    with pytest.raises(DataProblem, match=r"array 'train_images' cannot be read \(BadZipFile: Bad CRC-32"):
        images.read(range(layout.IMAGES))


def test_memory_stays_flat(root):
    count, side = 4000, 64
    images = np.repeat(np.arange(count, dtype=np.uint32).astype(np.uint8), side * side).reshape(count, side, side)
    file = root / "mine.npz"
    np.savez_compressed(file, train_images=images, train_labels=np.arange(count) % 2)
    archive = archive_of(listed(file))
    tracemalloc.start()
    try:
        for start in range(0, count, 500):
            block = archive.read(range(start, start + 500))
            assert all((image == (start + n) % 256).all() for n, image in enumerate(block))
        assert tracemalloc.get_traced_memory()[1] < images.nbytes // 2
    finally:
        tracemalloc.stop()


def test_no_content_of_the_files_makes_a_stack_trace(root):
    draw = random.Random(0)
    file = root / "pneumoniamnist.npz"
    np.savez(file, **layout.arrays(train=3, val=2))
    whole = file.read_bytes()
    structure = [n for n in range(len(whole)) if n < 200 or whole[n : n + 2] == b"PK" or n > len(whole) - 400]
    for _ in range(400):
        content = bytearray(whole)
        for _ in range(draw.randrange(1, 4)):
            place = draw.choice(structure) + draw.randrange(30) if draw.random() < 0.8 else draw.randrange(len(whole))
            content[min(place, len(whole) - 1)] = draw.randrange(256)
        file.write_bytes(content[: draw.randrange(len(whole))] if draw.random() < 0.1 else content)
        medmnist.matches(root)
        try:
            listing = listed(root)
            medmnist.Images(listing).read(range(len(listing)))
        except DataProblem:
            continue


def test_splits_are_the_file_s_own(root, tmp_path):
    saved(root, **layout.arrays(train=40, val=6, test=6))
    (tmp_path / "made").mkdir()
    prepare(SPEC, Split(), DataSource(root=root / "pneumoniamnist.npz"), tmp_path / "made")
    images = load(tmp_path / "made")
    assert images.pixels.shape == (52, 28, 28)
    assert set(images.splits[:40]) == {"train", "calib"}
    assert images.splits[40:].tolist() == ["val"] * 6 + ["test"] * 6
    assert (images.pixels[:][40:46] == layout.arrays(train=40, val=6)["val_images"]).all()


def test_images_without_a_meaning_may_be_left_out(root, tmp_path):
    arrays = layout.arrays(train=40, val=6, test=6)
    arrays["train_labels"][3] = 9
    saved(root, **arrays)
    (tmp_path / "made").mkdir()
    prepare(SPEC, Split(), DataSource(root=root, on_bad_image="skip"), tmp_path / "made")
    images = load(tmp_path / "made")
    assert images.image_ids[3] == "train/000004"
    assert (images.pixels[3] == arrays["train_images"][4]).all()
    assert "1 of 52 images are bad and were left out; they are listed with what is wrong." in images.remarks
    assert left_out(tmp_path / "made")[0]["path"] == "train/000003"


@pytest.mark.real_data
def test_real_chest_radiographs_of_children(real_data, tmp_path):
    folder = real_data / "pneumoniamnist"
    listing = list_images(SPEC, DataSource(root=folder))
    assert (listing.problems, listing.remarks) == ((), ())
    for split, counts in (("train", [388, 3469]), ("val", [135, 389])):
        assert np.bincount(listing.targets[[name == split for name in listing.official]]).tolist() == counts
    prepare(SPEC, Split(), DataSource(root=folder), tmp_path)
    images = load(tmp_path)
    arrays = np.load(folder / "pneumoniamnist.npz")
    assert (images.pixels[:] == np.concatenate([arrays["train_images"], arrays["val_images"]])).all()
    assert (images.splits == "val").sum() == 524
