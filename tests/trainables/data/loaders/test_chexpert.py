import os
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.trainables.data.loaders import chexpert as written
from trainables.data import chexpert
from trainables.data.layouts import detect, require_layout
from trainables.data.listing import BLANK, UNCERTAIN
from trainables.data.problems import DataProblem
from trainables.spec import CHEXPERT_LABELS, Chexpert

ALL = Chexpert(labels=CHEXPERT_LABELS, uncertain=("ignore",))
FIRST = "train/patient00001/study1/view1_frontal.jpg"


@pytest.fixture
def root(tmp_path):
    return written.write(tmp_path, patients=3, held_out=2)


def listed(root, spec=ALL, **more):
    return chexpert.list_files(root, spec, **more)


def change(root, line, change, file="train.csv"):
    """Rewrite the cells of a line, counted from 1 with the header."""
    lines = (root / file).read_text().splitlines()
    cells = lines[line - 1].split(",")
    changed = change(cells)
    lines[line - 1] = ",".join(cells if changed is None else changed)
    (root / file).write_text("\n".join(lines) + "\n")


def faults(listing):
    return [(fault.kind, fault.path, fault.row) for fault in listing.problems]


def test_paths_lose_the_published_name_of_the_root_whatever_it_is_called(root, tmp_path):
    root.rename(tmp_path / "mine")
    listing = listed(tmp_path / "mine")
    assert listing.image_ids[0] == FIRST
    assert len(listing) == listing.named == 15
    assert listing.problems == ()
    assert all((tmp_path / "mine" / name).is_file() for name in listing.image_ids)


def test_patients_studies_views_and_splits_are_known(root):
    listing = listed(root)
    assert listing.patients[:3] == ("patient00001",) * 3
    assert listing.studies[:3] == (
        "train/patient00001/study1",
        "train/patient00001/study1",
        "train/patient00001/study2",
    )
    assert listing.views[:3] == ("frontal", "lateral", "frontal")
    assert listing.official == ("train",) * 9 + ("valid",) * 6


def test_labels_are_present_absent_uncertain_or_blank_in_the_order_asked_for(root):
    listing = listed(root)
    assert listing.classes == CHEXPERT_LABELS
    marks = {"1.0": 1, "0.0": 0, "-1.0": UNCERTAIN, "": BLANK}
    assert listing.targets[0].tolist() == [marks[cell] for cell in written.labels(2)]
    assert listing.targets.dtype == np.int8
    two = listed(root, Chexpert(labels=("Edema", "Cardiomegaly"), uncertain=("ones",)))
    assert two.classes == ("Edema", "Cardiomegaly")
    assert (two.targets == listing.targets[:, [5, 2]]).all()


@pytest.mark.parametrize("file", ["train.csv", "valid.csv"])
def test_either_file_alone_will_do(root, file):
    (root / file).unlink()
    assert chexpert.matches(root)
    assert len(listed(root)) in (6, 9)


def test_a_test_file_is_read_with_paths_that_are_relative_already(root):
    shutil.copytree(root / "valid" / "patient64541", root / "test" / "patient64900")
    row = ["test/patient64900/study1/view1_frontal.jpg", "", "", "Frontal", "AP", *written.labels(1, definite=True)]
    written.write_csv(root / "test.csv", [row])
    listing = listed(root)
    assert listing.official[-1] == "test"
    assert listing.image_ids[-1] == row[0]


def test_only_the_columns_that_are_asked_for_are_needed(root):
    rows = [line.split(",") for line in (root / "train.csv").read_text().splitlines()]
    kept = [0, 7, 10]
    written.write_csv(root / "train.csv", [[row[n] for n in kept] for row in rows[1:]], [rows[0][n] for n in kept])
    (root / "valid.csv").unlink()
    spec = Chexpert(labels=("Edema", "Cardiomegaly"), uncertain=("ones",))
    listing = listed(root, spec)
    assert listing.views[:2] == ("frontal", "lateral")
    with pytest.raises(
        DataProblem, match=r"needs the column 'Atelectasis' and has none\..*Leave it out of data/labels"
    ):
        listed(root, Chexpert())


def test_one_view_is_chosen_with_a_remark(root):
    listing = listed(root)
    lateral = chexpert.select(listing, Chexpert(view="lateral"))
    assert set(lateral.views) == {"lateral"}
    assert len(lateral) == 5
    assert lateral.remarks == ("Only lateral images are used (data/view); 10 others are left out.",)
    assert chexpert.select(listing, Chexpert()) is listing
    with pytest.raises(DataProblem, match=r"no image is known to be lateral.*data/view=all"):
        chexpert.select(listing.take([0, 2]), Chexpert(view="lateral"))


def test_every_image_knows_its_line(root):
    assert listed(root).lines == (*range(2, 11), *range(2, 8))


def test_classes_may_be_called_otherwise_but_not_two_the_same(root):
    spec = Chexpert(labels=("Edema", "Cardiomegaly"), uncertain=("ones",))
    assert listed(root, spec, renamed={"Edema": "oedema"}).classes == ("oedema", "Cardiomegaly")
    with pytest.raises(DataProblem, match="two labels are mapped to one class"):
        listed(root, spec, renamed={"Edema": "Cardiomegaly"})


def test_the_layout_is_detected_here_and_one_folder_below(root, tmp_path):
    assert detect(root) == detect(tmp_path) == "chexpert"
    assert require_layout(tmp_path, "chexpert") == root
    assert not chexpert.matches(root / "train.csv")
    assert not chexpert.matches(root / "train")


def test_a_train_file_of_something_else_is_not_this_layout(tmp_path):
    (tmp_path / "train.csv").write_text("Path,label\na.png,1\n")
    assert not chexpert.matches(tmp_path)


def set_cell(place, value):
    return lambda cells: cells.__setitem__(place, value)


@pytest.mark.parametrize(
    ("changed", "kind", "path", "said"),
    [
        (set_cell(0, f"{written.NAME}/train/patient09/study1/x.jpg"), "missing", "train/patient09/study1/x.jpg", "is not there"),
        (set_cell(0, f"{written.NAME}/../../secret.jpg"), "outside", "train.csv", "leaves the data folder"),
        (set_cell(0, "/etc/passwd"), "outside", "train.csv", "'/etc/passwd' is absolute"),
        (set_cell(0, ""), "missing", "train.csv", "has no path"),
        (set_cell(0, "x" * 5000 + "/train/" + "y" * 5000), "missing", "train/" + "y" * 5000, "is not there"),
        (set_cell(0, f"{written.NAME}/train/a\0b.jpg"), "file_name", "train.csv", "control character"),
        (set_cell(0, f"{written.NAME}/train.csv"), "patient", "train.csv", "names no patient"),
        (set_cell(7, "2.0"), "label_range", FIRST, r"'Cardiomegaly' .* is '2\.0'"),
        (set_cell(7, "yes"), "label_range", FIRST, "it is 1, 0, -1"),
        (set_cell(7, "inf"), "label_range", FIRST, "'inf'"),
        (lambda cells: cells[:9], "unreadable", FIRST, "has 9 cells and the header 19"),
        (lambda cells: [*cells, "1.0"], "unreadable", FIRST, "has 20 cells and the header 19"),
    ],
)  # fmt: skip
def test_a_bad_row_is_one_problem_with_its_line(root, changed, kind, path, said):
    change(root, 2, changed)
    listing = listed(root)
    assert faults(listing) == [(kind, root / path, 2)]
    assert (len(listing), listing.named) == (14, 15)
    with pytest.raises(DataProblem, match=said):
        raise listing.problems[0]
    assert str(listing.problems[0]).startswith(f"{root / 'train.csv'}, line 2: ")


def test_a_path_named_twice_is_a_problem_and_its_first_row_stays(root):
    first = (root / "train.csv").read_text().splitlines()[1]
    with open(root / "train.csv", "a") as stream:
        stream.write(first + "\n")
    listing = listed(root)
    assert faults(listing) == [("duplicate_row", root / FIRST, 11)]
    assert (len(listing), listing.named) == (15, 16)
    assert "named in line 2 already" in str(listing.problems[0])


def test_a_path_named_twice_with_other_labels_is_not_used_at_all(root):
    first = (root / "train.csv").read_text().splitlines()[1]
    with open(root / "valid.csv", "a") as stream:
        stream.write(first.rsplit(",", 1)[0] + ",1.0\n")
    listing = listed(root)
    assert faults(listing) == [("duplicate_row", root / FIRST, 8), ("duplicate_row", root / FIRST, 2)]
    assert (len(listing), listing.named) == (14, 16)
    assert "named in line 2 of train.csv with other content" in str(listing.problems[0])
    assert FIRST not in listing.image_ids


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_link_that_leaves_the_root_is_a_problem(root, tmp_path, what):
    place = root / FIRST if what == "file" else root / "train" / "patient00001"
    place.rename(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", place)
    listing = listed(root)
    assert {fault.kind for fault in listing.problems} == {"outside"}
    assert len(listing.problems) == (1 if what == "file" else 3)
    assert listing.named == 15


def test_links_within_the_root_are_fine(root):
    (root / "train" / "patient00001").rename(root / "moved")
    os.symlink(root / "moved", root / "train" / "patient00001")
    assert listed(root).problems == ()


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"", "missing_column", "Its first line is empty"),
        (b"\n\n", "missing_column", "Its first line is empty"),
        (b"path,Edema\n", "missing_column", "column 'Path' and has none. Did you mean 'path'"),
        (b"Path,Edema,Path\n", "missing_column", "the column 'Path' 2 times"),
        (b"\xff\xfeP\x00a\x00", "unreadable", "no CSV text in UTF-8"),
        (b"\x00" * 100, "missing_column", "needs the column 'Path'"),
        (b"Path,Edema\n" + b"\xe9.jpg,1\n", "unreadable", r"train\.csv, line 2: the file is no CSV text"),
        (b'Path,Edema\n"' + b"x" * 200_000 + b'",1\n', "unreadable", "field larger than field limit"),
        (b"x" * 1_100_000, "unreadable", "longer than 1,000,000 characters"),
        (b'Path,Edema\n"a.jpg,1\n', "unreadable", "unexpected end of data"),
        (b"Path,Edema\n", "layout", "a header and no row"),
    ],
)
def test_a_file_that_is_no_such_table_is_said(root, content, kind, said):
    (root / "train.csv").write_bytes(content)
    (root / "valid.csv").rename(root / "other")
    assert chexpert.matches(root)  # by its images, so that the fault is said rather than another layout suspected
    with pytest.raises(DataProblem, match=said) as caught:
        listed(root, Chexpert(labels=("Edema",), uncertain=("ones",)))
    assert caught.value.kind == kind
    assert str(root) in str(caught.value)


def test_a_folder_in_the_place_of_a_csv_file_is_another_layout(root):
    for file in ("train.csv", "valid.csv"):
        (root / file).unlink()
        (root / file).mkdir()
    assert not chexpert.matches(root)


def test_semicolons_a_byte_order_mark_and_backslashes_are_read(root):
    text = (root / "train.csv").read_text().replace(",", ";").replace("patient00001/", "patient00001\\")
    (root / "train.csv").write_text("\ufeff" + text, encoding="utf-8")
    listing = listed(root)
    assert listing.problems == ()
    assert listing.image_ids[0] == FIRST


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 1200), st.binary(max_size=4)), min_size=1, max_size=6))
def test_corrupted_bytes_are_rows_problems_or_a_data_problem(tmp_path_factory, root, changes):
    file = root / "train.csv"
    before = file.read_bytes()
    content = before
    for place, value in changes:
        content = content[:place] + value + content[place + 1 :]
    file.write_bytes(content)
    try:
        listing = listed(root)
    except DataProblem as problem:
        assert str(root) in str(problem)  # noqa: PT017 - either outcome is right
    else:
        assert listing.named == len(listing) + len(listing.problems) >= 6
    finally:
        file.write_bytes(before)


TRAIN = {
    "multilabel": """357 0 0 484|0 0 0 841|10 357 0 474|270 357 0 214|21 357 0 463|47 357 0 437|17 357 101 366|
        484 357 0 0|64 357 0 420|6 357 0 478|53 357 0 431|15 357 0 469|0 0 0 841|0 0 0 841""",
    "multilabel64": """304 0 0 317|0 0 0 621|52 304 0 265|138 304 0 179|44 304 0 273|26 304 0 291|25 304 101 191|
        5 304 110 202|62 304 0 255|22 304 0 295|109 304 0 208|19 304 0 298|0 0 0 621|0 0 0 621""",
}
VALID = {
    "multilabel": """47 43 0 0|0 0 0 90|2 88 0 0|43 47 0 0|2 88 0 0|9 81 0 0|3 87 0 0|43 47 0 0|9 81 0 0|1 89 0 0|
        6 84 0 0|3 87 0 0|0 0 0 90|0 0 0 90""",
    "multilabel64": """61 49 0 0|0 0 0 110|4 106 0 0|19 91 0 0|8 102 0 0|0 110 0 0|4 106 0 0|2 108 0 0|12 98 0 0|
        1 109 0 0|15 95 0 0|2 108 0 0|0 0 0 110|0 0 0 110""",
}
PATIENTS = {"multilabel": (526, 69), "multilabel64": (161, 39)}


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["multilabel", "multilabel64"])
def test_real_labels_and_patients_are_counted_as_published(real_data, name):
    listing = listed(require_layout(real_data / name, "chexpert"))
    assert listing.problems == ()
    official = np.array(listing.official)
    for split, table, patients in (
        ("train", TRAIN[name], PATIENTS[name][0]),
        ("valid", VALID[name], PATIENTS[name][1]),
    ):
        rows = official == split
        counts = [[(listing.targets[rows, n] == mark).sum() for mark in (1, 0, UNCERTAIN, BLANK)] for n in range(14)]
        assert counts == [[int(count) for count in label.split()] for label in table.split("|")]
        assert len({who for who, there in zip(listing.patients, rows, strict=True) if there}) == patients


@pytest.mark.real_data
def test_real_lateral_views_are_told_from_frontal_ones(real_data):
    listing = listed(require_layout(real_data / "multilabel", "chexpert"))
    assert (listing.views.count("frontal"), listing.views.count("lateral")) == (909, 22)
    assert len(chexpert.select(listing, Chexpert(view="lateral"))) == 22
