"""`orchestrator data check`: exit codes, JSON and what a person reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.orchestrator.cli.program import FOLDER_SPACE, orchestrator, refusal
from tests.trainables.data.conftest import radiograph


@pytest.fixture
def chest(tmp_path: Path) -> Path:
    for number, name in enumerate(("COVID", "Normal")):
        folder = tmp_path / "chest" / name / "images"
        folder.mkdir(parents=True)
        for n in range(4):
            radiograph(100 * number + n).save(folder / f"{name}-{n}.png")
    return tmp_path / "chest"


def test_a_clean_folder_is_counted_and_exits_with_0(chest: Path) -> None:
    done = orchestrator("data", "check", str(chest))
    assert done.code == 0, done.err
    assert "layout covid, 8 images" in done.out
    assert "COVID: 4; Normal: 4" in done.out
    assert "All is well." in done.out


def test_problems_exit_with_1_and_json_has_each_with_its_file(chest: Path) -> None:
    (chest / "COVID" / "images" / "COVID-1.png").write_bytes(b"")
    done = orchestrator("data", "check", str(chest), "--json")
    assert done.code == 1
    plain = json.loads(done.out)
    assert {"layout", "images", "classes", "labels", "splits", "patients", "problems", "ok"} <= plain.keys()
    assert (plain["layout"], plain["images"], plain["ok"], plain["patients"]) == ("covid", 8, False, None)
    (problem,) = plain["problems"]
    assert problem["kind"] == "zero_byte"
    assert problem["path"] == "COVID/images/COVID-1.png"
    assert "the file is empty" in problem["message"]
    told = orchestrator("data", "check", str(chest))
    assert "zero_byte: " in told.out
    assert "a problem" in told.out


def test_no_data_set_exits_with_2(tmp_path: Path) -> None:
    assert "no data set is found here" in refusal("data", "check", str(tmp_path))
    assert "there is no such folder" in refusal("data", "check", str(tmp_path / "missing"))
    assert "--layout braille" in refusal("data", "check", str(tmp_path), "--layout", "braille")


def test_a_sweep_leaves_bad_images_out_on_request_and_lists_them(chest: Path, tmp_path: Path) -> None:
    for n in range(4, 16):
        for number, name in enumerate(("COVID", "Normal")):
            radiograph(100 * number + n).save(chest / name / "images" / f"{name}-{n}.png")
    (chest / "Normal" / "images" / "Normal-3.png").write_bytes(b"")
    space, storage = tmp_path / "folder_space.py", tmp_path / "runs"
    space.write_text(FOLDER_SPACE)
    words = ("sweep", space, "--data", chest, "--storage", storage, "--inline")
    assert "--on-bad-image skip" in refusal(*words, "--json")
    done = orchestrator(*words, "--on-bad-image", "skip")
    assert done.code == 0, done
    assert "train 2" in done.err or "train 1" in done.err, "no counts of the splits in the log"
    (listed,) = (path for path in (storage / "mlartifacts").rglob("*-left-out.csv"))
    assert listed.read_text().split() == ["kind,path,row", "zero_byte,Normal/images/Normal-3.png,"]
    report = next(storage.rglob("report.html")).read_text()
    assert "1 of 32 images are bad and were left out" in report
    assert orchestrator("posthoc", "folder", "--storage", storage).code == 0
