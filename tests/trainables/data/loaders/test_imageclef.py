import os
import random

import numpy as np
import pytest

from tests.trainables.data.conftest import radiograph
from tests.trainables.data.loaders import imageclef as layout
from trainables.data import imageclef
from trainables.data.irma import class_of
from trainables.data.layouts import detect, require_layout
from trainables.data.prepare import DataSource, load, prepare
from trainables.data.problems import DataProblem
from trainables.spec import ImageClef, Split

ALL = ImageClef(min_images=1)


@pytest.fixture
def root(tmp_path):
    return layout.write(tmp_path)


def listed(root, spec=ALL):
    listing = imageclef.list_files(root, spec)
    assert len(set(listing.image_ids)) == len(listing)
    return listing


def relabel(root, *lines):
    (root / "labels.csv").write_text("\n".join(lines) + "\n", "utf-8")


def add(root, line):
    with open(root / "labels.csv", "a") as stream:
        stream.write(f"{line}\n")


def only_problem(root, *, named=layout.IMAGES):
    listing = listed(root)
    assert listing.named == named
    assert len(listing.problems) == 1
    return listing.problems[0]


def test_classes_are_irma_codes_and_rows_in_the_order_of_the_file(root):
    listing = listed(root)
    assert listing.classes == tuple(sorted(layout.CODES))
    assert listing.image_ids[:3] == ("images/1880.png", "images/1887.png", "images/1894.png")
    assert [listing.classes[t] for t in listing.targets[:5]] == list(layout.CODES)
    assert set(listing.counts().values()) == {3}
    assert (listing.problems, listing.remarks) == ((), ())


def test_the_layout_is_found_by_its_label_file(root, tmp_path):
    assert detect(root) == "imageclef"
    assert detect(tmp_path) == "imageclef"
    (root / "labels.csv").unlink()
    with pytest.raises(DataProblem, match="does not have the layout 'imageclef'"):
        require_layout(root, "imageclef")
    with pytest.raises(DataProblem, match="no CSV file there has the first column 'image_id'"):
        listed(root)


@pytest.mark.parametrize(
    ("axes", "depth", "expected"),
    [
        ("TDAB", None, "112d-12*-500-7a1"),
        ("A", None, "500"),
        ("A", 1, "5"),
        ("AT", 2, "50-11"),
        ("TDAB", 3, "112-12*-500-7a1"),
        ("B", 9, "7a1"),
    ],
)
def test_axes_and_depth_choose_characters_of_a_code(axes, depth, expected):
    assert class_of("112d-12*-500-7a1", axes, depth) == expected


def test_what_is_no_irma_code_is_taken_whole():
    assert class_of("1121127700500", "A", 1) == "1121127700500"
    assert class_of("12", "A", 1) == "12"


def test_axes_join_classes(root):
    listing = listed(root, ImageClef(axes="A", depth=1, min_images=1))
    assert listing.counts() == {"5": 3, "6": 3, "7": 6, "9": 3}


def test_another_column_is_used_when_named_and_numbers_are_in_their_order(root):
    assert listed(root, ImageClef(column="05_class")).classes == ("6", "7", "8", "9", "10")
    assert listed(root, ImageClef(column="08_IRMA_code")).classes[0] == "1121-110-700-50*"
    with pytest.raises(DataProblem, match=r"no column '05_clas' with a class\. Did you mean '05_class'\?") as caught:
        listed(root, ImageClef(column="05_clas"))
    assert (caught.value.kind, caught.value.row) == ("missing_column", 1)


def test_commas_a_byte_order_mark_and_upper_case_will_do(root):
    text = (root / "labels.csv").read_text().replace(";", ",").replace("image_id", "\ufeffIMAGE_ID")
    (root / "labels.csv").rename(root / "other.txt")
    (root / "train_codes.csv").write_text(text, "utf-8")
    assert detect(root) == "imageclef"
    assert len(listed(root)) == layout.IMAGES


def test_images_may_lie_in_another_folder_or_beside_the_label_file(root, tmp_path):
    (root / "images").rename(root / "ImageCLEFmed2009_train.02")
    assert listed(root).image_ids[0] == "ImageCLEFmed2009_train.02/1880.png"
    for path in (root / "ImageCLEFmed2009_train.02").iterdir():
        path.rename(root / path.name)
    assert listed(root).image_ids[0] == "1880.png"
    assert require_layout(tmp_path, "imageclef") == root


def test_class_names_are_used_and_told_apart(root):
    names = ("head, CT", "chest", "chest")
    lines = [f"{1880 + 7 * n};{n % 3 + 1};{names[n % 3]}" for n in range(9)]
    relabel(root, "image_id;class_code;class_name", *lines)
    listing = listed(root)
    assert listing.counts() == {"head, CT": 3, "chest (2)": 3, "chest (3)": 3}
    assert listing.remarks[0].startswith(
        "6 images are named by no line of labels.csv and are not used: images/1943.png"
    )
    add(root, "1943;1;chest")
    problem = only_problem(root, named=10)
    assert problem.kind == "unknown_class"
    assert "class '1' is called 'chest' here and 'head, CT' in most lines" in str(problem)


def test_names_with_commas_need_quotes(root):
    relabel(root, "image_id,class_code,class_name", "1880,1,head, CT", '1887,2,"chest, CT"')
    problem = only_problem(root, named=2)
    assert (problem.kind, problem.row, problem.path) == ("layout", 2, root / "images" / "1880.png")
    assert listed(root).classes == ("chest, CT",)


def test_small_classes_are_left_out_at_selection(root):
    add(root, "1880.png;1121-127-700-500")
    listing = imageclef.select(listed(root), ImageClef(min_images=3))
    assert len(listing.classes) == 5
    relabel(root, layout.HEADER, "1880;a;1;1;a;a", "1887;b;1;1;b;b", "1894;a;1;1;a;a")
    assert imageclef.select(listed(root), ImageClef(min_images=2)).counts() == {"a": 2}
    with pytest.raises(DataProblem, match=r"no class has 50 images; the largest has 2\. Lower data/min_images"):
        imageclef.select(listed(root), ImageClef())


@pytest.mark.parametrize(
    ("line", "kind", "path"),
    [
        ("9999;1121-127-700-500", "missing", "images/9999"),
        ("images/9999.png;1121-127-700-500", "missing", "images/9999.png"),
        ("../secret;1121-127-700-500", "outside", "labels.csv"),
        ("/etc/passwd;1121-127-700-500", "outside", "labels.csv"),
        (";1121-127-700-500", "outside", "labels.csv"),
        ("99\0;1121-127-700-500", "file_name", "labels.csv"),
    ],
)
def test_a_line_about_no_image_is_a_problem(root, line, kind, path):
    add(root, line)
    problem = only_problem(root, named=layout.IMAGES + 1)
    assert (problem.kind, problem.path, problem.row) == (kind, root / path, layout.IMAGES + 2)


@pytest.mark.parametrize("line", ["1880", "1880;", "1880; ;7", "1880;\\N;1;1", '1880;"a\nb"'])
def test_a_line_without_a_class_is_a_problem(root, line):
    (root / "labels.csv").write_text((root / "labels.csv").read_text().replace("1880;1121-127-700-500", "1880;", 1))
    assert only_problem(root).kind == "unknown_class"
    relabel(root, layout.HEADER, line, "1887;1121-127-700-500")
    assert only_problem(root, named=2).path == root / "images" / "1880.png"


def test_an_image_with_two_classes_is_one_problem(root):
    add(root, "1880;1121-127-700-500")
    assert listed(root).remarks == ("1 lines name an image again and say the same of it.",)
    add(root, "images/1880.png;1121-110-700-500")
    problem = only_problem(root)
    assert problem.kind == "duplicate_row"
    assert "has class '1121-110-700-500' here and '1121-127-700-500' in a line above" in str(problem)
    assert len(listed(root, ImageClef(axes="A"))) == layout.IMAGES


def test_two_files_for_one_image_are_a_problem(root):
    radiograph(99).save(root / "images" / "1880.jpg")
    problem = only_problem(root)
    assert problem.kind == "file_name"
    assert "may be 'images/1880.jpg' or 'images/1880.png'. Remove the others." in str(problem)


def test_links_may_not_leave_the_data_folder(root, tmp_path):
    radiograph(99).save(tmp_path / "secret.png")
    (root / "images" / "1880.png").unlink()
    os.symlink(tmp_path / "secret.png", root / "images" / "1880.png")
    assert only_problem(root).kind == "outside"
    (root / "images" / "1880.png").unlink()
    os.symlink("1880.png", root / "images" / "1880.png")
    assert only_problem(root).kind == "missing"
    (root / "images").rename(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", root / "images")
    assert {problem.kind for problem in listed(root).problems} == {"outside", "missing"}


def test_several_label_files_are_told_apart_by_their_names_or_refused(root):
    text = (root / "labels.csv").read_text()
    (root / "test_codes.csv").write_text(layout.HEADER)
    assert len(listed(root)) == layout.IMAGES
    (root / "labels.csv").unlink()
    (root / "train_codes.csv").write_text(text)
    with pytest.raises(DataProblem, match=r"test_codes\.csv, train_codes\.csv could each be the label file"):
        listed(root)


def test_a_label_file_without_a_line_is_refused(root):
    relabel(root, layout.HEADER)
    with pytest.raises(DataProblem, match=r"labels\.csv: it names no image"):
        listed(root)


@pytest.mark.parametrize("content", [b"1880;\xff\xff", b'1880;"never closed', b"1880;" + b"x" * 200_000, b'"a"b;\n'])
def test_a_label_file_that_is_no_csv_is_refused(root, content):
    (root / "labels.csv").write_bytes(layout.HEADER.encode() + b"\n" + content)
    with pytest.raises(DataProblem, match=r"labels\.csv.*(UTF-8|no CSV)") as caught:
        listed(root)
    assert caught.value.kind == "unreadable"


def test_no_content_of_the_files_makes_a_stack_trace(root):
    draw = random.Random(0)
    whole = (root / "labels.csv").read_bytes()
    for _ in range(200):
        content = bytearray(whole)
        for _ in range(draw.randrange(1, 8)):
            content[draw.randrange(len(content))] = draw.choice(b'\0\n\r";,/.\\\xff\xc3019')
        (root / "labels.csv").write_bytes(content)
        imageclef.matches(root)
        try:
            imageclef.select(listed(root), ALL)
        except DataProblem:
            continue


def test_images_are_prepared_under_their_codes(root, tmp_path):
    (tmp_path / "made").mkdir()
    prepare(ImageClef(size=48, min_images=3), Split(), DataSource(root=root), tmp_path / "made")
    images = load(tmp_path / "made")
    row = images.image_ids.index("images/1894.png")
    assert images.classes[images.targets[row]] == layout.CODES[2]
    assert (images.pixels[row] == np.asarray(radiograph(2))).all()


@pytest.mark.real_data
def test_real_images_of_many_classes(real_data, tmp_path):
    listing = listed(real_data / "anatomy")
    assert (listing.problems, listing.remarks) == ((), ())
    assert list(listing.counts().values()) == [600, 457, 274, 22, 7, 441, 450, 449, 450]
    assert listing.classes[1] == "chest, X-ray, posteroanterior"
    prepare(ImageClef(size=32), Split(), DataSource(root=real_data / "anatomy"), tmp_path)
    images = load(tmp_path)
    assert len(images) == 3150 - 22 - 7
    assert len(images.classes) == 7
    assert any("pelvis (infant), X-ray (7)" in remark for remark in images.remarks)
