from pathlib import Path

import pytest

from trainables.data.layouts import detect, require_layout
from trainables.data.problems import DataProblem


def test_the_covid_layout_is_detected(covid_folder, tmp_path):
    assert detect(covid_folder(1)) == "covid"
    assert detect(tmp_path) == "covid"
    assert detect(tmp_path / "missing") is None


def test_the_folder_above_will_do_and_one_below_is_told(covid_folder, tmp_path):
    root = covid_folder(1)
    assert require_layout(root, "covid") == root
    assert require_layout(tmp_path, "covid") == root
    for wrong in (root / "COVID", root / "COVID" / "images"):
        with pytest.raises(DataProblem) as caught:
            require_layout(wrong, "covid")
        assert f"Did you mean --data '{root}'?" in str(caught.value)


def test_an_empty_folder_is_said_to_hold_nothing(tmp_path):
    with pytest.raises(DataProblem, match=r"which is <class>/images/\*\.png.* It holds nothing\. Check --data"):
        require_layout(tmp_path, "covid")


def test_what_was_found_is_named_shortly(tmp_path):
    for n in range(12):
        (tmp_path / f"study{n:02}").mkdir()
    with pytest.raises(DataProblem, match=r"It holds study00/, .*study07/ and 4 more"):
        require_layout(tmp_path, "covid")


def test_images_right_in_the_class_folder_are_another_layout(tmp_path):
    (tmp_path / "COVID").mkdir()
    (tmp_path / "COVID" / "COVID-1.png").write_bytes(b"x")
    with pytest.raises(DataProblem, match="does not have the layout 'covid'"):
        require_layout(tmp_path, "covid")


def test_no_folder_a_missing_one_and_a_file_are_told_apart(tmp_path):
    (tmp_path / "archive.zip").write_bytes(b"PK")
    for root, said in (
        (None, "Pass --data FOLDER"),
        (tmp_path / "missing", "does not exist"),
        (tmp_path / "archive.zip", "is a file, not a folder; unpack it first"),
    ):
        with pytest.raises(DataProblem, match=said):
            require_layout(root if root is None else Path(root), "covid")
