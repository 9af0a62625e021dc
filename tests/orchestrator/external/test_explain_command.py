import json
import shutil

import numpy as np
import pytest
from PIL import Image

from orchestrator.external.explain import explain
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.tracking.identity import sweep_identity
from orchestrator.tracking.memory import MemoryServer, MemoryTracker
from orchestrator.tracking.mirror import Mirror
from tests.orchestrator.cli.program import orchestrator, refusal
from tests.orchestrator.tracking.servers import free_port
from tests.trainables.data.dicoms import PATIENT, PATIENT_ID, dicom


@pytest.fixture
def image(hospital):
    return hospital / "COVID" / "images" / "COVID-00.png"


@pytest.fixture(scope="module")
def copied(storage, tmp_path_factory):
    return shutil.copytree(storage, tmp_path_factory.mktemp("explained") / "runs")


@pytest.fixture(autouse=True)
def away(monkeypatch):
    """No tracking server: a new database takes seconds."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")


def test_json_is_one_document_with_everything(copied, image, tmp_path):
    words = ("explain", "tiny", image, "--storage", copied, "--out", tmp_path / "out", "--members", "--json")
    said = orchestrator(*words)
    assert said.code == 0, said
    document = json.loads(said.out)
    assert set(document) == {"sweep", "key", "kind", "name", "temperature", "method", "out", "images", "remarks"}
    (told,) = document["images"]
    assert (told["file"], told["problem"]) == (str(image), "")
    explanation = told["explanation"]
    assert set(explanation["uncalibrated"]) == set(explanation["calibrated"]) == {"COVID", "Normal", "Viral Pneumonia"}
    for name in ("entropy", "mutual_information", "disagreement", "map_correlation"):
        assert isinstance(explanation[name], float)
    assert {"key", "name", "weight", "predicted", "probability"} == set(explanation["members"][0])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        path.rsplit("/", 1)[1] for path in told["pictures"].values()
    }
    assert json.loads(orchestrator(*words).out) == document


def test_a_dicom_file_is_explained_like_the_picture_and_names_no_patient(copied, image, tmp_path):
    grey = np.asarray(Image.open(image).convert("L"))
    film = tmp_path / "film.dcm"
    film.write_bytes(dicom(grey))
    words = ("--storage", copied, "--json", "--out")
    one, other = (
        json.loads(orchestrator("explain", "tiny", each, *words, tmp_path / name).out)["images"][0]
        for each, name in ((image, "a"), (film, "b"))
    )
    assert other["problem"] == ""
    assert other["explanation"]["calibrated"] == pytest.approx(one["explanation"]["calibrated"], abs=1e-3)
    assert PATIENT not in json.dumps(other)
    assert PATIENT_ID not in json.dumps(other)


def test_people_read_probabilities_before_and_after(copied, image, tmp_path):
    said = orchestrator("explain", "tiny", image, "--storage", copied, "--out", tmp_path, "--class", "Normal")
    assert said.code == 0, said
    assert "before  calibrated" in said.out
    assert "entropy" in said.out
    assert next(line for line in said.out.splitlines() if "<- explained" in line).split()[0] == "Normal"
    assert "1 image explained by" in said.err


def test_a_sweep_may_be_left_out(copied, image, tmp_path):
    said = orchestrator("explain", image, image, "--storage", copied, "--out", tmp_path, "--json")
    assert said.code == 0, said
    assert len(json.loads(said.out)["images"]) == 2
    assert "was given the sweep 'tiny' alone" in refusal("explain", "tiny", "--storage", copied)
    assert "Did you mean 'tiny'" in refusal("explain", "tinny", image, "--storage", copied)
    assert "there is no such folder or file" in refusal("explain", tmp_path / "gone.png", "--storage", copied)


def test_mistakes_are_one_paragraph(copied, image, tmp_path):
    words = ("explain", "tiny", image, "--storage", copied)
    assert "no explanation method 'gradcam'" in refusal(*words, "--method", "gradcam")
    assert "the network knows no such class" in refusal(*words, "--class", "Pneumonia")
    assert "it is a file" in refusal(*words, "--out", image)
    assert "There is no option '--member'" in refusal(*words, "--member")
    (tmp_path / "bad.png").write_text("no picture")
    assert "bad.png" in refusal(*words, tmp_path / "bad.png", "--out", tmp_path / "out")


def test_skipped_images_are_exit_code_1(copied, image, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"")
    words = (
        "explain",
        "tiny",
        image,
        tmp_path / "bad.png",
        "--storage",
        copied,
        "--out",
        tmp_path / "out",
        "--skip-bad",
    )
    said = orchestrator(*words)
    assert said.code == 1, said
    assert "left out: " in said.out
    assert "1 image could not be read and was left out" in said.err


def test_an_explained_image_is_a_child_run_once_and_without_its_name(copied, image, tmp_path):
    server = MemoryServer()
    ledger = Ledger(copied, "tiny")

    def sync():
        return Mirror(lambda: MemoryTracker(sweep_identity(ledger.definition()), server), Store(copied), ledger).sync()

    named = shutil.copy(image, tmp_path / "Doe^Jane.png")
    told = explain(copied, "tiny", [named], network="ensemble_seeds_3", out=tmp_path).images[0].explanation
    sync()
    parent = next(run for run in server.runs if run.key == "tiny")
    (run,) = [run for run in server.runs if run.key == told.key]
    assert (run.parent_id, run.status) == (parent.run_id, "FINISHED")
    assert run.tags["orchestrator.kind"] == "explanation"
    metrics = {point.name: point.value for point in run.points}
    assert metrics["temperature/explained/probability/COVID"] == told.calibrated["COVID"]
    assert metrics["explained/disagreement"] == told.disagreement
    assert set(run.artifacts) == {
        "explanation.json",
        "figures/explanation.png",
        "figures/overlays.png",
        "figures/members.png",
    }
    assert all(content.startswith(b"\x89PNG") for path, content in run.artifacts.items() if path.endswith(".png"))
    assert "Doe" not in f"{run.name}{run.params}{run.tags}{run.artifacts['explanation.json']!r}"
    explain(copied, "tiny", [image], network="ensemble_seeds_3", out=tmp_path)
    assert sync() == 0
    assert len([run for run in server.runs if run.key == told.key]) == 1
