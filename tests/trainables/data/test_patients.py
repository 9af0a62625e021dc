from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainables.data.covid import list_files
from trainables.data.paths import normal_path
from trainables.data.patients import with_patients
from trainables.data.problems import DataProblem
from trainables.spec import CovidRadiography


@pytest.fixture
def listing(covid_folder):
    return list_files(covid_folder(2, classes=("COVID", "Viral Pneumonia")), CovidRadiography())


def written(folder: Path, text: str) -> Path:
    path = folder / "patients.csv"
    path.write_text(text)
    return path


ROWS = (
    "COVID/images/COVID-1.png,a\nCOVID/images/COVID-2.png,a\n"
    "Viral Pneumonia/images/Viral Pneumonia-1.png,b\nViral Pneumonia/images/Viral Pneumonia-2.png,c\n"
)


@pytest.mark.parametrize(
    "header", ["path,patient\n", "path,patient_id\n", "\ufeffpath,patient\n", " path , patient \n"]
)
def test_patients_are_joined_by_path(listing, tmp_path, header):
    known = with_patients(listing, written(tmp_path, header + ROWS))
    assert known.patients == ("a", "a", "b", "c")
    assert known.remarks == ()


def test_paths_may_start_at_the_folder_above_and_use_backslashes_or_semicolons(listing, tmp_path):
    above = "".join(f"{listing.root.name}/{row}\n" for row in ROWS.splitlines())
    assert with_patients(listing, written(tmp_path, "path,patient\n" + above)).patients == ("a", "a", "b", "c")
    other = "path;patient\n" + ROWS.replace(",", ";").replace("/", "\\")
    assert with_patients(listing, written(tmp_path, other)).patients == ("a", "a", "b", "c")


def test_other_columns_are_ignored(listing, tmp_path):
    rows = "".join(f"x,{row},y\n" for row in ROWS.splitlines())
    assert with_patients(listing, written(tmp_path, "age,path,patient,sex\n" + rows)).patients[3] == "c"


def test_images_without_a_patient_are_a_remark(listing, tmp_path):
    known = with_patients(
        listing,
        written(
            tmp_path,
            "path,patient\n" + ROWS.replace(",b", ", ").split("Viral Pneumonia-2")[0].rsplit("\n", 1)[0] + "\n",
        ),
    )
    assert known.patients == ("a", "a", None, None)
    assert known.remarks == (
        "2 of 4 images have no patient in patients.csv: each of them is treated as a patient of its own.",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,who\n", r"needs the columns 'path' and 'patient'.*has 'path', 'who'"),
        ("", "its first line has none"),
        (
            "path,patient\nCOVID/images/COVID-7.png,a\n",
            r"line 2: 'COVID/images/COVID-7.png' is not an image.*Did you mean",
        ),
        ("path,patient\n../other/x.png,a\n", r"line 2: the path '\.\./other/x\.png' is empty, absolute or leaves"),
        ("path,patient\n/etc/passwd,a\n", "line 2: the path '/etc/passwd' is empty, absolute"),
        ("path,patient\n,a\n", "line 2: the path '' is empty"),
        (
            "path,patient\nCOVID/images/COVID-1.png,a\nCOVID/images/COVID-1.png,b\n",
            r"line 3: .*'b' here and 'a' in line 2",
        ),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(listing, tmp_path, text, said):
    with pytest.raises(DataProblem, match=said) as caught:
        with_patients(listing, written(tmp_path, text))
    assert str(tmp_path / "patients.csv") in str(caught.value)


def test_a_missing_file_and_one_that_is_no_text_are_data_problems(listing, tmp_path):
    with pytest.raises(DataProblem, match="cannot be read"):
        with_patients(listing, tmp_path / "missing.csv")
    (tmp_path / "patients.csv").write_bytes(b"PK\x03\x04\xff\xfe\x00")
    with pytest.raises(DataProblem, match="no CSV text in UTF-8"):
        with_patients(listing, tmp_path / "patients.csv")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 150), st.binary(max_size=3)), min_size=1, max_size=5))
def test_corrupted_bytes_are_patients_or_a_data_problem(listing, tmp_path, changes):
    content = ("path,patient\n" + ROWS).encode()
    for place, value in changes:
        content = content[:place] + value + content[place + 1 :]
    path = tmp_path / "patients.csv"
    path.write_bytes(content)
    try:
        known = with_patients(listing, path)
    except DataProblem as problem:
        assert str(path) in str(problem)  # noqa: PT017 - either outcome is right
    else:
        assert len(known.patients) == 4


def test_dots_in_paths_are_resolved_within_the_folder():
    assert normal_path("./COVID/../Normal/images/a.png") == "Normal/images/a.png"
    assert normal_path("COVID/../../x") is None
    assert normal_path("..") is None
    assert normal_path("") is None
