import pytest

from trainables.data.external import external_fingerprints, list_external, prepare_external
from trainables.data.prepare import DataSource, load
from trainables.data.problems import DataProblem
from trainables.spec import CovidRadiography

SPEC = CovidRadiography(size=32)
KNOWN = ("COVID", "Normal", "Viral Pneumonia")


def test_targets_are_the_networks_and_nothing_is_split(covid_folder, tmp_path):
    root = covid_folder(1, classes=("Viral Pneumonia", "Normal"))
    (tmp_path / "made").mkdir()
    prepare_external(SPEC, DataSource(root=root), tmp_path / "made", classes=KNOWN)
    images = load(tmp_path / "made")
    assert images.classes == KNOWN
    assert images.targets.tolist() == [1, 2]
    assert set(images.splits.tolist()) == {"test"}
    assert "has no images of 'COVID'." in images.remarks[0]


def test_a_class_that_the_network_does_not_know_is_an_error_unless_mapped(covid_folder):
    source = DataSource(root=covid_folder(2))
    with pytest.raises(DataProblem, match=r"does not know the class 'Lung_Opacity'.*--map"):
        list_external(SPEC, source, classes=KNOWN)
    mapped = list_external(SPEC, source, classes=KNOWN, renamed={"Lung_Opacity": "Viral Pneumonia"})
    assert mapped.counts() == {"COVID": 2, "Normal": 2, "Viral Pneumonia": 4}


def test_folders_of_other_names_can_be_mapped(covid_folder):
    source = DataSource(root=covid_folder(2, classes=("healthy", "Tuberculosis")))
    with pytest.raises(DataProblem, match=r"does not know the class 'Tuberculosis'.*--map"):
        list_external(SPEC, source, classes=KNOWN)
    renamed = {"healthy": "Normal", "Tuberculosis": "Viral Pneumonia"}
    listing = list_external(SPEC, source, classes=KNOWN, renamed=renamed)
    assert listing.counts() == {"COVID": 0, "Normal": 2, "Viral Pneumonia": 2}
    assert listing.image_ids[0].startswith("Tuberculosis/images/")


def test_a_map_to_an_unknown_class_is_refused(covid_folder):
    with pytest.raises(DataProblem, match="--map Lung_Opacity=Opacity: the network does not know the class 'Opacity'"):
        list_external(SPEC, DataSource(root=covid_folder(1)), classes=KNOWN, renamed={"Lung_Opacity": "Opacity"})


def test_a_map_of_a_folder_that_is_not_there_is_refused(covid_folder):
    with pytest.raises(DataProblem, match=r"--map Norml=Normal: .* has no folder Norml/images. Did you mean 'Normal'"):
        list_external(SPEC, DataSource(root=covid_folder(1, classes=KNOWN)), classes=KNOWN, renamed={"Norml": "Normal"})


def test_the_fingerprint_follows_the_content_and_the_patients(covid_folder, tmp_path):
    root = covid_folder(2, classes=KNOWN)
    source = DataSource(root=root)
    before = external_fingerprints(list_external(SPEC, source, classes=KNOWN))
    rows = "path,patient\n" + "".join(f"{name}/images/{name}-1.png,one\n" for name in KNOWN)
    (tmp_path / "patients.csv").write_text(rows)
    with_patients = list_external(SPEC, DataSource(root=root, patients=tmp_path / "patients.csv"), classes=KNOWN)
    assert external_fingerprints(with_patients)[0] == before[0]
    assert external_fingerprints(with_patients)[1] != before[1]
    (root / "Normal" / "images" / "Normal-1.png").write_bytes((root / "COVID" / "images" / "COVID-1.png").read_bytes())
    assert external_fingerprints(list_external(SPEC, source, classes=KNOWN)) != before
