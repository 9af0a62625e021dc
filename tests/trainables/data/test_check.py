import numpy as np
import pytest
from PIL import Image

from tests.trainables.data.conftest import radiograph
from trainables.data.check import check, to_plain
from trainables.data.problems import DataProblem


def kinds(found):
    return [(problem.kind, problem.path.name if problem.path else None) for problem in found.problems]


def test_a_clean_data_set_is_counted(covid_folder):
    root = covid_folder({"COVID": 2, "Lung_Opacity": 3, "Normal": 4, "Viral Pneumonia": 1})
    found = check(root)
    plain = to_plain(found)
    assert plain["layout"] == "covid"
    assert plain["images"] == 10
    assert plain["classes"] == {"COVID": 2, "Lung_Opacity": 3, "Normal": 4, "Viral Pneumonia": 1}
    assert (plain["labels"], plain["splits"], plain["patients"]) == ({}, {}, None)
    assert plain["ok"]
    assert plain["problems"] == []


def test_the_folder_above_will_do(covid_folder, tmp_path):
    root = covid_folder(2)
    assert check(tmp_path).root == root


def test_every_kind_of_bad_image_is_named_and_still_counted(covid_folder):
    root = covid_folder(6)
    images = root / "COVID" / "images"
    (images / "COVID-1.png").write_bytes(b"")
    (images / "COVID-2.png").write_bytes(b"no image")
    (images / "COVID-3.png").write_bytes((images / "COVID-3.png").read_bytes()[:200])
    Image.fromarray(np.full((40, 40), 7, np.uint8)).save(images / "COVID-4.png")
    Image.fromarray(np.full((20, 20), np.nan, np.float32)).save(images / "nan.tif")
    found = check(root)
    assert found.images == 25
    assert sorted(kinds(found)) == [
        ("constant", "COVID-4.png"),
        ("range", "nan.tif"),
        ("truncated", "COVID-3.png"),
        ("unreadable", "COVID-2.png"),
        ("zero_byte", "COVID-1.png"),
    ]


def test_a_picture_saved_twice_is_found_whatever_its_format_and_label(covid_folder):
    root = covid_folder(4)
    radiograph(1).save(root / "Normal" / "images" / "again.bmp")
    found = check(root)
    assert kinds(found) == [("duplicate", "again.bmp")]
    assert "is the same picture as COVID/images/COVID-1.png, and the two carry different labels" in str(
        found.problems[0]
    )


def test_pictures_that_differ_in_one_pixel_are_no_doubles(covid_folder):
    root = covid_folder(4)
    large = np.asarray(radiograph(99, 1024)).copy()
    Image.fromarray(large).save(root / "Normal" / "images" / "one.png")
    large[500, 500] ^= 1
    Image.fromarray(large).save(root / "Normal" / "images" / "other.png")
    assert check(root).problems == ()


def test_near_duplicates_are_found_on_request(covid_folder):
    root = covid_folder(4)
    radiograph(1).resize((64, 64)).save(root / "COVID" / "images" / "again.jpg", quality=80)
    assert check(root).problems == ()
    assert kinds(check(root, near_duplicates=True)) == [("near_duplicate", "again.jpg")]


def test_patients_are_counted_by_a_file_that_names_them(covid_folder, tmp_path):
    root = covid_folder(2)
    lines = [f"{path.relative_to(root)},p{n // 4}" for n, path in enumerate(sorted(root.rglob("*.png")))]
    (tmp_path / "patients.csv").write_text("path,patient\n" + "\n".join(lines))
    assert check(root, patients=tmp_path / "patients.csv").patients == 2


def test_a_patients_file_that_does_not_fit_is_a_problem_with_its_row(covid_folder, tmp_path):
    (tmp_path / "patients.csv").write_text("path,patient\nCOVID/images/COVID-1.png,a\nNormal/images/other.png,b\n")
    found = check(covid_folder(2), patients=tmp_path / "patients.csv")
    assert [(problem.kind, problem.row) for problem in found.problems] == [("unknown_path", 3)]


def test_where_nothing_is_a_data_set_that_is_said(tmp_path):
    with pytest.raises(DataProblem, match="no such folder"):
        check(tmp_path / "missing")
    with pytest.raises(DataProblem, match="no data set is found here"):
        check(tmp_path)
    with pytest.raises(DataProblem, match="--layout braille: there are mura"):
        check(tmp_path, layout="braille")


def test_progress_counts_every_image(covid_folder):
    calls = []
    check(covid_folder(2), on_progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (8, 8)


@pytest.mark.real_data
def test_the_real_chest_radiographs_are_clean(real_data):
    found = check(real_data / "chest3", patients=real_data / "chest3" / "manifest.csv")
    assert found.images == 977
    assert found.patients == 640
    assert found.classes == {"COVID": 148, "Normal": 404, "Viral Pneumonia": 425}
    assert found.problems == ()
