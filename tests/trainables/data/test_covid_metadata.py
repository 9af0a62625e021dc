from tests.trainables.data.conftest import write_metadata
from trainables.data.covid_metadata import about_metadata


def test_names_agree_without_case_and_suffix(tmp_path):
    write_metadata(tmp_path / "Normal.metadata.xlsx", ["NORMAL-1", "NORMAL-2"])
    assert about_metadata(tmp_path / "Normal.metadata.xlsx", ["Normal-1.png", "Normal-2.png"]) == []
    assert about_metadata(tmp_path / "missing.xlsx", ["Normal-1.png"]) == []


def test_what_only_one_side_names_is_told(tmp_path):
    write_metadata(tmp_path / "COVID.metadata.xlsx", ["COVID-1", "COVID-2", "COVID-3"])
    assert about_metadata(tmp_path / "COVID.metadata.xlsx", ["COVID-1.png", "COVID-9.png"]) == [
        "2 images that COVID.metadata.xlsx names are not there, such as covid-2.",
        "1 images are not in COVID.metadata.xlsx, such as covid-9.",
    ]


def test_a_broken_workbook_is_told_and_stops_nothing(tmp_path):
    for content in (b"PK", b"", b"no workbook at all"):
        (tmp_path / "COVID.metadata.xlsx").write_bytes(content)
        (said,) = about_metadata(tmp_path / "COVID.metadata.xlsx", ["COVID-1.png"])
        assert "cannot be read as a table with the column 'FILE NAME'" in said
