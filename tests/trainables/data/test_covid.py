import os

import pytest

from tests.trainables.data.conftest import radiograph
from trainables.data import covid
from trainables.data.problems import DataProblem
from trainables.data.selection import down_sample
from trainables.spec import CovidRadiography


def listed(root):
    return covid.list_files(root, CovidRadiography())


def test_classes_come_in_a_fixed_order_with_paths_below_the_root(covid_folder):
    listing = listed(covid_folder({"COVID": 2, "Lung_Opacity": 1, "Normal": 3, "Viral Pneumonia": 2}))
    assert listing.classes == ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")
    assert listing.image_ids[-1] == "Viral Pneumonia/images/Viral Pneumonia-2.png"
    assert listing.targets.tolist() == [0, 0, 1, 2, 2, 2, 3, 3]
    assert listing.counts() == {"COVID": 2, "Lung_Opacity": 1, "Normal": 3, "Viral Pneumonia": 2}
    assert listing.remarks == ()


def test_classes_that_are_absent_are_left_out(covid_folder):
    assert listed(covid_folder(2, classes=("COVID", "Normal"))).classes == ("COVID", "Normal")


def test_lung_masks_belong_to_the_image_of_the_same_name(covid_folder):
    listing = listed(covid_folder(2, masks=True))
    assert listing.lung_masks[0] == "COVID/masks/COVID-1.png"
    assert listing.files() == [*listing.image_ids, *listing.lung_masks]


def test_images_without_a_lung_mask_are_a_remark(covid_folder):
    root = covid_folder(2, masks=True)
    (root / "Normal" / "masks" / "Normal-2.png").unlink()
    assert listed(root).remarks == ("1 of 8 images have no lung mask; no lung mask is used.",)


def test_hidden_files_are_ignored_and_other_files_are_a_remark(covid_folder):
    root = covid_folder(2)
    (root / "COVID" / "images" / "._COVID-1.png").write_bytes(b"mac")
    (root / "COVID" / "images" / "notes.txt").write_text("hello")
    listing = listed(root)
    assert len(listing) == 8
    assert "1 files in COVID/images are no images by their name and were left out: notes.txt" in listing.remarks[0]


def test_a_class_folder_without_images_is_named(covid_folder):
    root = covid_folder(2)
    for path in (root / "Normal" / "images").iterdir():
        path.unlink()
    with pytest.raises(DataProblem, match="class 'Normal' has no image there") as caught:
        listed(root)
    assert caught.value.path == root / "Normal" / "images"


def test_an_unknown_class_folder_is_named(covid_folder):
    root = covid_folder(2)
    (root / "Tuberculosis" / "images").mkdir(parents=True)
    with pytest.raises(DataProblem, match="'Tuberculosis' is no class of this layout"):
        listed(root)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_links_that_leave_the_data_folder_are_refused(covid_folder, tmp_path, what):
    root = covid_folder(2)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    radiograph(5).save(elsewhere / "secret.png")
    if what == "file":
        os.symlink(elsewhere / "secret.png", root / "COVID" / "images" / "COVID-9.png")
    else:
        (root / "COVID" / "images").rename(root / "COVID" / "before")
        os.symlink(elsewhere, root / "COVID" / "images")
    with pytest.raises(DataProblem, match=r"outside of the data folder .* Copy the file into the folder"):
        listed(root)


def test_a_file_name_with_a_line_break_is_refused(covid_folder):
    root = covid_folder(2)
    radiograph(5).save(root / "COVID" / "images" / "COVID\n9.png")
    with pytest.raises(DataProblem, match=r"'COVID\\n9\.png' holds a control character"):
        listed(root)


def test_links_within_the_data_folder_and_to_it_are_fine(covid_folder, tmp_path):
    root = covid_folder(2)
    os.symlink("COVID-1.png", root / "COVID" / "images" / "COVID-3.png")
    os.symlink(root, tmp_path / "link")
    assert len(listed(tmp_path / "link")) == 9


def test_down_sampling_keeps_as_many_of_every_class_whatever_else_is_there(covid_folder):
    listing = listed(covid_folder({"COVID": 3, "Lung_Opacity": 9, "Normal": 6, "Viral Pneumonia": 4}))
    small = down_sample(listing, seed=0)
    assert set(small.counts().values()) == {3}
    assert "down-sampled to the 3 images of the smallest one; 10 images are not used" in small.remarks[0]
    backwards = down_sample(listing.take(range(len(listing))[::-1]), seed=0)
    assert set(backwards.image_ids) == set(small.image_ids)
    assert set(down_sample(listing, seed=1).image_ids) != set(small.image_ids)
