import os
import random

import pytest

from tests.trainables.data.loaders import mura as layout
from trainables.data import mura
from trainables.data.layouts import detect, require_layout
from trainables.data.prepare import DataSource, load, prepare
from trainables.data.problems import DataProblem
from trainables.data.splits import require_disjoint
from trainables.spec import Mura, Split

WRIST = "train/XR_WRIST/patient00001/study1_positive"
ABNORMALITY = Mura(label="abnormality")


@pytest.fixture
def root(tmp_path):
    return layout.write(tmp_path)


def listed(root, spec=Mura()):  # noqa: B008
    listing = mura.list_files(root, spec)
    assert len(set(listing.image_ids)) == len(listing)
    return listing


def add(root, line, *, split="train", file="image_paths"):
    with open(root / f"{split}_{file}.csv", "a") as stream:
        stream.write(f"{line}\n")


def only_problem(root, spec=Mura(), *, named=layout.IMAGES):  # noqa: B008
    listing = listed(root, spec)
    assert listing.named == named
    assert len(listing.problems) == 1
    return listing.problems[0]


def test_parts_come_in_the_published_order_and_others_after_them(root):
    listing = listed(root)
    assert listing.classes == ("XR_ELBOW", "XR_WRIST", "XR_CHEST")
    assert listing.counts() == {"XR_ELBOW": 4, "XR_WRIST": 7, "XR_CHEST": 3}
    assert len(listing) == layout.IMAGES
    assert listing.remarks == ()
    assert listing.problems == ()


def test_rows_are_in_the_order_of_the_lists_with_patient_study_and_split(root):
    listing = listed(root)
    assert listing.image_ids[:3] == tuple(f"{WRIST}/image{n}.png" for n in (1, 2, 10))
    assert listing.studies[0] == WRIST
    assert listing.patients[0] == "patient00001"
    assert listing.official == ("train",) * 11 + ("valid",) * 3
    by_study = dict(zip(listing.studies, listing.patients, strict=True))
    assert len(by_study) == len(layout.STUDIES)


def test_abnormality_is_a_study_s_label(root):
    listing = listed(root, ABNORMALITY)
    assert listing.classes == ("normal", "abnormal")
    assert [bool(t) for t in listing.targets] == ["positive" in name for name in listing.image_ids]


def test_the_folder_may_have_another_name_and_only_one_of_the_splits(root, tmp_path):
    root = root.rename(tmp_path / "mura")
    (root / "train_image_paths.csv").unlink()
    assert detect(tmp_path) == "mura"
    assert require_layout(tmp_path, "mura") == root
    listing = listed(root)
    assert set(listing.official) == {"valid"}
    assert listing.remarks == (
        "11 images are named by no line of the lists of images and are not used: "
        "train/XR_CHEST/patient00004/study1_positive/image1.png, ...",
    )


def test_paths_without_the_name_of_the_folder_and_of_windows_will_do(root):
    file = root / "valid_image_paths.csv"
    file.write_text("\ufeff" + file.read_text().replace("MURA-v1.1/", "").replace("/", "\\"), "utf-8")
    assert len(listed(root)) == layout.IMAGES


def test_the_first_image_of_a_study_has_the_lowest_number(root):
    spec = Mura(first_image_only=True)
    listing = mura.select(listed(root, spec), spec)
    assert len(listing) == len(layout.STUDIES)
    assert f"{WRIST}/image1.png" in listing.image_ids
    assert "train/XR_WRIST/patient00002/study1_negative/image2.png" in listing.image_ids
    assert listing.remarks == ("Only the first image of each study is used: 10 of 14 images.",)


def test_down_sampling_comes_after_the_choice_of_first_images(root):
    spec = Mura(first_image_only=True, down_sample=True)
    assert mura.select(listed(root, spec), spec).counts() == {"XR_ELBOW": 3, "XR_WRIST": 3, "XR_CHEST": 3}


def test_a_missing_file_is_a_problem_of_its_line(root):
    (root / WRIST / "image2.png").unlink()
    problem = only_problem(root)
    assert (problem.kind, problem.path, problem.row) == ("missing", root / WRIST / "image2.png", 2)
    assert str(problem).startswith(f"{root / 'train_image_paths.csv'}, line 2: '{WRIST}/image2.png' is no file in ")


@pytest.mark.parametrize(
    ("line", "kind", "path"),
    [
        ("MURA-v1.1/../../etc/passwd", "outside", None),
        ("/etc/passwd", "outside", None),
        ("MURA-v1.1/train/HAND/patient1/study1_positive/image1.png", "unknown_class", "train/HAND"),
        ("MURA-v1.1/test/XR_HAND/patient1/study1_positive/image1.png", "layout", "test/XR_HAND"),
        ("MURA-v1.1/train/XR_HAND/image1.png", "layout", "train/XR_HAND/image1.png"),
        ("MURA-v1.1/train/XR_HAND/patient1/study1_positive/im\0age1.png", "file_name", None),
        ("MURA-v1.1/train/XR_HAND/patient1/study1_positive/" + "x" * 5000, "missing", "train/XR_HAND"),
        (",,1", "outside", None),
    ],
)
def test_a_line_that_names_no_image_of_the_layout_is_a_problem(root, line, kind, path):
    add(root, line)
    problem = only_problem(root, named=layout.IMAGES + 1)
    assert (problem.kind, problem.row) == (kind, 12)
    assert len(str(problem)) < 1000
    expected = root / path if path else root / "train_image_paths.csv"
    assert problem.path.is_relative_to(expected)


def test_a_folder_of_another_name_is_a_body_part_when_it_is_mapped(root):
    (root / "train" / "XR_CHEST").rename(root / "train" / "THORAX")
    file = root / "train_image_paths.csv"
    file.write_text(file.read_text().replace("XR_CHEST", "THORAX"))
    assert [problem.kind for problem in listed(root).problems] == ["unknown_class"] * 2
    assert mura.list_files(root, Mura(), {"THORAX": "XR_CHEST"}).counts()["THORAX"] == 2


def test_links_may_not_leave_the_data_folder(root, tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    (root / WRIST / "image2.png").unlink()
    os.symlink(tmp_path / "secret.png", root / WRIST / "image2.png")
    assert only_problem(root).kind == "outside"
    (root / WRIST / "image2.png").unlink()
    os.symlink("image1.png", root / WRIST / "image2.png")
    assert len(listed(root)) == layout.IMAGES


def test_folders_behind_links_are_looked_at_file_by_file(root, tmp_path):
    (root / "train").rename(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", root / "train")
    assert {problem.kind for problem in listed(root).problems} == {"outside"}
    (root / "train").unlink()
    os.symlink("train", root / "train")
    assert {problem.kind for problem in listed(root).problems} == {"missing"}


def test_an_image_named_twice_counts_once(root):
    add(root, f"MURA-v1.1/{WRIST}/image1.png")
    listing = listed(root)
    assert len(listing) == layout.IMAGES
    assert listing.remarks == ("1 lines name an image again and say the same of it.",)
    add(root, f"MURA-v1.1/{WRIST}/image1.png", split="valid")
    assert only_problem(root).kind == "layout"


def test_a_label_that_contradicts_the_folder_is_a_problem_of_each_image(root):
    file = root / "train_labeled_studies.csv"
    file.write_text(file.read_text().replace(f"{WRIST}/,1", f"{WRIST}/,0"))
    problems = listed(root, ABNORMALITY).problems
    assert [(problem.kind, problem.row) for problem in problems] == [("label_range", 1)] * 3
    assert problems[2].path == root / WRIST / "image10.png"
    assert "is labelled 0 (normal), and its folder says abnormal. Correct the label" in str(problems[0])
    assert listed(root).problems == ()


@pytest.mark.parametrize("label", ["2", "", "positive", "-1", "1.5", "\0"])
def test_a_label_is_0_or_1(root, label):
    file = root / "valid_labeled_studies.csv"
    file.write_text(file.read_text().replace("study1_negative/,0", f"study1_negative/,{label}"))
    assert only_problem(root, ABNORMALITY).kind == "label_range"


def test_a_study_with_two_labels_is_a_problem(root):
    for split, study in (("train", "study1"), ("valid", "study1")):
        place = f"{split}/XR_HAND/patient00200/{study}"
        (root / place).mkdir(parents=True)
        (root / place / "image1.png").write_bytes(b"x")
        add(root, f"MURA-v1.1/{place}/image1.png", split=split)
        add(root, f"MURA-v1.1/{place}/,0", split=split, file="labeled_studies")
    add(root, "MURA-v1.1/train/XR_HAND/patient00200/study1/,1", file="labeled_studies")
    problem = only_problem(root, ABNORMALITY, named=layout.IMAGES + 2)
    assert (problem.kind, problem.row) == ("duplicate_row", 9)


def test_without_a_label_the_name_of_the_folder_is_believed(root):
    (root / "valid_labeled_studies.csv").unlink()
    add(root, "MURA-v1.1/train/XR_WRIST/patient00999/study1_positive/,1", file="labeled_studies")
    listing = listed(root, ABNORMALITY)
    assert listing.counts() == {"normal": 6, "abnormal": 8}
    assert listing.remarks == (
        "1 studies of train_labeled_studies.csv have no image in the list of images.",
        "3 studies have no line in valid_labeled_studies.csv; their label is taken from the folder's name.",
    )


def test_a_study_without_label_and_telling_name_is_a_problem(root):
    (root / "valid" / "XR_HAND" / "patient00200" / "study1").mkdir(parents=True)
    (root / "valid" / "XR_HAND" / "patient00200" / "study1" / "image1.png").write_bytes(b"x")
    add(root, "MURA-v1.1/valid/XR_HAND/patient00200/study1/image1.png", split="valid")
    assert only_problem(root, ABNORMALITY, named=layout.IMAGES + 1).kind == "unknown_class"


def test_an_empty_list_is_refused(root):
    (root / "valid_image_paths.csv").write_text("\n\n")
    with pytest.raises(DataProblem, match=r"valid_image_paths\.csv: it names no image"):
        listed(root)


@pytest.mark.parametrize("content", [b"\xff\xfeM\x00", b'"never closed', b"x" * 200_000, b'"a"b\n'])
def test_a_list_that_is_no_csv_is_refused(root, content):
    (root / "train_labeled_studies.csv").write_bytes(content)
    with pytest.raises(DataProblem, match=r"train_labeled_studies\.csv.*(UTF-8|no CSV)") as caught:
        listed(root, ABNORMALITY)
    assert caught.value.kind == "unreadable"


def test_no_content_of_the_files_makes_a_stack_trace(root):
    draw = random.Random(0)
    for round_ in range(200):
        spec = Mura(label=("body_part", "abnormality")[round_ % 2])
        for file in ("train_image_paths.csv", "train_labeled_studies.csv"):
            content = bytearray((root / file).read_bytes())
            for _ in range(draw.randrange(6)):
                if content:
                    content[draw.randrange(len(content))] = draw.choice(b'\0\n\r",/.\\\xff\xc3;01x')
            (root / "valid_image_paths.csv").write_bytes(content if "paths" in file else b"a\n")
            (root / "valid_labeled_studies.csv").write_bytes(content)
        try:
            listing = listed(root, spec)
        except DataProblem:
            continue
        mura.select(listing, Mura(label=spec.label, first_image_only=True, down_sample=True))


@pytest.mark.real_data
def test_real_radiographs_of_body_parts(real_data, tmp_path):
    root = real_data / "bodypart" / "MURA-v1.1"
    listing = listed(root)
    assert (listing.problems, listing.remarks) == ((), ())
    assert listing.counts() == {"XR_HAND": 1270 + 230, "XR_CHEST": 621 + 110, "XR_HIP": 6 + 1}
    assert (listing.official.count("train"), listing.official.count("valid")) == (1897, 341)
    assert listed(root, ABNORMALITY).problems == ()
    prepare(Mura(size=32), Split(), DataSource(root=real_data / "bodypart"), tmp_path)
    images = load(tmp_path)
    assert len(images) == 2238
    assert images.patients_known
    assert (images.splits == "test").sum() == 341
    require_disjoint(images.groups, images.splits)
