import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.trainables.data.loaders import table as written
from trainables.data import table
from trainables.data.layouts import LAYOUTS, detect, require_layout
from trainables.data.listing import BLANK, UNCERTAIN
from trainables.data.problems import DataProblem
from trainables.spec import ImageTable

MARKS = ImageTable(labels=("Edema", "Effusion"))
FORMATS = pytest.mark.parametrize("name", ["labels.csv", "labels.parquet"])


def listed(file, spec=None, **more):
    return table.list_files(file, spec or ImageTable(), **more)


def text_table(folder: Path, text: str, images: int = 4) -> Path:
    written.write_images(folder, images)
    (folder / "labels.csv").write_text(text)
    return folder / "labels.csv"


@FORMATS
def test_one_label_column_names_classes_and_other_columns_are_used_where_they_are_there(tmp_path, name):
    file = written.write(tmp_path, 4, name=name)
    listing = listed(file)
    assert listing.root == tmp_path
    assert listing.classes == ("normal", "pneumonia")
    assert listing.targets.tolist() == [0, 1, 0, 1]
    assert listing.image_ids[0] == "images/000.png"
    assert listing.patients == ("p0", "p0", "p1", "p1")
    assert len(set(listing.studies)) == 4
    assert listing.lines == (tuple(range(2, 6)) if name == "labels.csv" else tuple(range(1, 5)))
    assert listing.official == listing.finding_masks == (None,) * 4
    assert listing.problems == listing.remarks == ()


@FORMATS
def test_several_label_columns_hold_marks(tmp_path, name):
    listing = listed(written.write_marks(tmp_path, 4, name=name), MARKS)
    assert listing.classes == ("Edema", "Effusion")
    assert listing.targets.tolist() == [[1, 0], [0, 1], [UNCERTAIN, 0], [BLANK, 1]]
    assert listing.targets.dtype == np.int8


def test_csv_and_parquet_of_one_table_are_one_data_set(tmp_path):
    written.write_images(tmp_path, 4)
    rows = [
        {"path": f"images/00{n}.png", "label": label, "patient": who}
        for n, (label, who) in enumerate([(10, 7), (2, None), (2, 7), (None, 8)])
    ]
    both = [listed(written.write_table(tmp_path / name, rows)) for name in ("labels.csv", "data.parquet")]
    assert both[0].content() == both[1].content()
    assert both[0].classes == ("2", "10")
    assert both[0].targets.tolist() == [1, 0, 0]
    assert both[0].patients == ("7", None, "7")
    assert [(problem.kind, problem.row) for problem in both[0].problems] == [("unknown_class", 5)]
    assert [(problem.kind, problem.row) for problem in both[1].problems] == [("unknown_class", 4)]


@pytest.mark.parametrize(
    ("cell", "mark"),
    [("1", 1), ("1.0", 1), ("True", 1), ("true", 1), ("0", 0), ("0.00", 0), ("FALSE", 0), ("-1", -1), ("-1.0", -1),
     ("", -2), ("nan", -2), ("NaN", -2), (" 1 ", 1)],
)  # fmt: skip
def test_marks_may_be_written_in_many_ways(tmp_path, cell, mark):
    file = text_table(tmp_path, f"path,Edema,Effusion\nimages/000.png,{cell},1\n")
    assert listed(file, MARKS).targets.tolist() == [[mark, 1]]


@pytest.mark.parametrize("cell", ["2", "yes", "-2", "1e9", "inf", "0.5", "1" * 5000])
def test_other_marks_are_problems(tmp_path, cell):
    listing = listed(text_table(tmp_path, f"path,Edema,Effusion\nimages/000.png,{cell},1\nimages/001.png,1,1\n"), MARKS)
    (problem,) = listing.problems
    assert (problem.kind, problem.row, problem.path) == ("label_range", 2, tmp_path / "images" / "000.png")
    assert f"'Edema' of 'images/000.png' is {cell[:40]!r}" in str(problem)
    assert listing.named == 2


def test_the_order_of_classes_does_not_depend_on_the_order_of_rows(tmp_path):
    lines = ["images/000.png,grade 10", "images/001.png,grade 2", "images/002.png,Grade 1"]
    one = listed(text_table(tmp_path, "\n".join(["path,label", *lines])))
    other = listed(text_table(tmp_path, "\n".join(["path,label", *lines[::-1]])))
    assert one.classes == other.classes == ("Grade 1", "grade 2", "grade 10")
    assert one.targets.tolist() == [2, 1, 0]
    assert other.targets.tolist() == [0, 1, 2]


def test_classes_and_labels_may_be_called_otherwise(tmp_path):
    one = listed(written.write(tmp_path, 4), renamed={"pneumonia": "COVID"})
    assert one.classes == ("COVID", "normal")
    merged = listed(written.write(tmp_path, 4), renamed={"pneumonia": "any", "normal": "any"})
    assert merged.counts() == {"any": 4}
    marks = written.write_marks(tmp_path, 4)
    assert listed(marks, MARKS, renamed={"Edema": "oedema"}).classes == ("oedema", "Effusion")
    with pytest.raises(DataProblem, match="two labels are mapped to one class"):
        listed(marks, MARKS, renamed={"Edema": "Effusion"})


def test_splits_have_many_names_and_may_be_left_to_us(tmp_path):
    names = ["train", "Valid", "VALIDATION", "val", "test", "calib", "", "dev"]
    lines = [f"images/00{n}.png,{'ab'[n % 2]},{name}" for n, name in enumerate(names)]
    listing = listed(text_table(tmp_path, "\n".join(["path,label,split", *lines]), images=8))
    assert listing.official == ("train", "val", "val", "val", "test", "calib", None)
    assert set(listing.official) - {None} == set(LAYOUTS["table"].official)
    (problem,) = listing.problems
    assert (problem.kind, problem.row) == ("split", 9)
    assert "is 'dev'; it is train, val" in str(problem)


def test_the_same_visit_of_two_patients_is_two_studies_under_pseudonyms(tmp_path):
    lines = ["images/000.png,a,p,v", "images/001.png,b,p,v", "images/002.png,a,q,v", "images/003.png,b,q,"]
    studies = listed(text_table(tmp_path, "\n".join(["path,label,patient,study", *lines]))).studies
    assert studies[0] == studies[1] != studies[2]
    assert studies[0].startswith("study-")
    assert studies[3] is None


def test_masks_are_checked_as_images_are(tmp_path):
    lines = ["images/000.png,a,images/003.png", "images/001.png,b,masks/1.png", "images/002.png,b,../1.png"]
    listing = listed(text_table(tmp_path, "\n".join(["path,label,mask", *lines])))
    assert listing.finding_masks == ("images/003.png",)
    assert listing.files() == ["images/000.png", "images/003.png"]
    assert [(problem.kind, problem.path.name) for problem in listing.problems] == [
        ("missing", "001.png"),
        ("outside", "002.png"),
    ]
    some = listed(text_table(tmp_path, "path,label,mask\nimages/000.png,a,images/003.png\nimages/001.png,b,\n"))
    assert some.remarks == ("1 of 2 images have no mask; no mask is used.",)


@pytest.mark.parametrize(
    ("line", "kind", "path", "said"),
    [
        ("images/009.png,a", "missing", "images/009.png", "is not there"),
        ("images,a", "missing", "images", "is not there"),
        ("../x.png,a", "outside", "labels.csv", "leaves the data folder"),
        ("/etc/passwd,a", "outside", "labels.csv", "is absolute"),
        (",a", "missing", "labels.csv", "has no path"),
        ("images/000.png,", "unknown_class", "images/000.png", "is empty"),
        ("images/000.png", "unreadable", "images/000.png", "has 1 cells and the header 2"),
        ("images/000.png,a,b", "unreadable", "images/000.png", "has 3 cells"),
        ("images/a\0.png,a", "file_name", "labels.csv", "control character"),
        ("images/001.png,a", "duplicate_row", "images/001.png", "named in line 2 already"),
        ("images/" + "x" * 300 + ".png,a", "missing", "images/" + "x" * 300 + ".png", "is not there"),
    ],
)
def test_a_bad_row_is_one_problem_with_its_line(tmp_path, line, kind, path, said):
    listing = listed(text_table(tmp_path, f"path,label\nimages/001.png,a\nimages/002.png,b\n\n{line}\n"))
    (problem,) = listing.problems
    assert (problem.kind, problem.path, problem.row) == (kind, tmp_path / path, 5)
    assert said in str(problem)
    assert str(problem).startswith(f"{tmp_path / 'labels.csv'}, line 5: ")
    assert (len(listing), listing.named) == (2, 3)


def test_a_link_that_leaves_the_root_is_a_problem(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    root = tmp_path / "data"
    file = written.write(root, 4)
    (root / "images" / "000.png").rename(tmp_path / "elsewhere" / "000.png")
    os.symlink(tmp_path / "elsewhere" / "000.png", root / "images" / "000.png")
    assert [problem.kind for problem in listed(file).problems] == ["outside"]


@pytest.mark.parametrize(
    "lines", [["images/000.png,1,1", "images/000.png,7,1"], ["images/000.png,7,1", "images/000.png,1,1"]]
)
def test_a_bad_row_makes_the_other_row_of_its_image_a_bad_one(tmp_path, lines):
    listing = listed(text_table(tmp_path, "\n".join(["path,Edema,Effusion", *lines, "images/001.png,1,1"])), MARKS)
    assert listing.image_ids == ("images/001.png",)
    assert sorted(problem.kind for problem in listing.problems) == ["duplicate_row", "label_range"]
    assert listing.named == 3


def test_a_class_of_bad_images_only_is_still_a_class(tmp_path):
    listing = listed(text_table(tmp_path, "path,label\nimages/001.png,a\nimages/009.png,b\n"))
    assert listing.classes == ("a", "b")


def test_the_path_column_has_usual_names_or_the_one_that_is_asked_for(tmp_path):
    assert len(listed(text_table(tmp_path, "label,image_path\na,images/000.png\n"))) == 1
    nih = text_table(tmp_path, "Image Index,Finding Labels\nimages/000.png,Edema\n")
    assert len(listed(nih, ImageTable(path="Image Index", labels=("Finding Labels",)))) == 1
    with pytest.raises(
        DataProblem, match=r"needs the column 'path' and has none\. There are: Finding Labels, Image Index"
    ):
        listed(nih)
    with pytest.raises(DataProblem, match=r"needs the column 'path' and has none"):
        listed(text_table(tmp_path, "label,image,file\na,images/000.png,images/000.png\n"))


@FORMATS
def test_a_missing_column_is_said_with_the_nearest(tmp_path, name):
    file = written.write(tmp_path, 4, name=name)
    with pytest.raises(DataProblem, match=r"needs the column 'labels' and has none\. Did you mean 'label'\?") as caught:
        listed(file, ImageTable(labels=("labels",)))
    assert (caught.value.kind, caught.value.path, caught.value.row) == ("missing_column", file, 1)
    with pytest.raises(DataProblem, match=r"Did you mean 'patient'\? Name the column of the patient \(data/patient\)"):
        listed(file, ImageTable(patient="patient_number"))


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("labels.csv", b"", "missing_column"),
        ("labels.csv", b"path,label\n", "layout"),
        ("labels.csv", b"path,label,label\na,b,c\n", "missing_column"),
        ("labels.csv", b"path,label\n\xff\xfe\n", "unreadable"),
        ("labels.csv", "path,label\n".encode("utf-16"), "unreadable"),
        ("labels.csv", bytes(range(256)) * 50, "unreadable"),
        ("labels.parquet", b"", "unreadable"),
        ("labels.parquet", b"PAR1" + bytes(range(256)) * 50 + b"PAR1", "unreadable"),
        ("labels.parquet", b"path,label\na,b\n", "unreadable"),
    ],
)
def test_a_file_that_is_no_table_is_said(tmp_path, name, content, kind):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataProblem) as caught:
        listed(tmp_path / name)
    assert caught.value.kind == kind
    assert str(tmp_path) in str(caught.value)


@FORMATS
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=6))
def test_corrupted_bytes_are_rows_problems_or_a_data_problem(tmp_path, name, changes):
    before = tmp_path / f"before-{name}"
    if not before.exists():
        written.write(tmp_path, 6, name=before.name)
    content = before.read_bytes()
    for place, value in changes:
        at = int(place * len(content))
        content = content[:at] + value + content[at + len(value) :]
    (tmp_path / name).write_bytes(content)
    try:
        listing = listed(tmp_path / name)
    except DataProblem as problem:
        assert str(tmp_path) in str(problem)  # noqa: PT017 - either outcome is right
    else:
        assert listing.named == len(listing) + len(listing.problems)


def test_the_file_or_a_folder_with_one_table_is_detected(tmp_path):
    file = written.write(tmp_path / "one", 2)
    assert detect(file) == detect(tmp_path / "one") == detect(tmp_path) == "table"
    assert require_layout(file, "table") == file
    assert len(listed(tmp_path / "one")) == 2
    (tmp_path / "one" / "notes.csv").write_text("a,b\n")
    assert table.matches(tmp_path / "one")
    assert len(listed(tmp_path / "one")) == 2
    file.rename(tmp_path / "one" / "mine.csv")
    assert not table.matches(tmp_path / "one")
    with pytest.raises(DataProblem, match=r"no table, or more than one.*Pass the file itself"):
        listed(tmp_path / "one")


@pytest.mark.parametrize("header", ["path,patient", "name,label", "path", "path,patient,study,split", ""])
def test_a_file_of_patients_or_of_something_else_is_no_table(tmp_path, header):
    (tmp_path / "patients.csv").write_text(f"{header}\n")
    assert not table.matches(tmp_path)


def test_semicolons_and_tabs_part_cells_too(tmp_path):
    for delimiter in ";\t":
        text = "path,label\nimages/000.png,a\nimages/001.png,b\n".replace(",", delimiter)
        assert listed(text_table(tmp_path, "\ufeff" + text)).classes == ("a", "b")
