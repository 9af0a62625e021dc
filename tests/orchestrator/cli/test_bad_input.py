"""Every mistake that the project promises to tell plainly: exit code, one paragraph, nothing lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from orchestrator.storage.ledger import Ledger
from tests.orchestrator.cli.program import SPACE, files, orchestrator, program, refusal


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sweeep"], "Did you mean 'sweep'?"),
        (["sweep", "demmo"], "There is no search space 'demmo'. Did you mean 'demo'?"),
        (["sweep", "./absent.py"], "There is no file absent.py"),
        (["sweep", "demo", "--trails", "3"], "There is no option '--trails'. Did you mean '--trials'?"),
        (["sweep", "demo", "--trials", "many"], "'many' is not a valid integer"),
        (["sweep", "demo", "--trials", "0"], "a sweep draws at least 1"),
        (["sweep", "demo", "--concurrent", "0"], "--concurrent"),
        (["sweep", "demo", "--name", "../up"], "--name '../up'"),
        (["sweep", "demo", "--metric", "val/acuracy"], "Did you mean 'val/accuracy'?"),
        (["sweep", "demo", "--metric", "test/accuracy"], "Search on 'val/accuracy'"),
        (["sweep", "demo", "--metric", "val/nll:down"], "min or max, not 'down'"),
        (["sweep", "demo", "--metric", "val/nll", "--metric", "val/nll:max"], "val/nll is given twice"),
        (["sweep", "demo", "--metric", "laplace_kron/val/nll"], "--set scheduler=none"),
        (["sweep", "demo", "--set", "schedule/epoch=3"], "Did you mean 'schedule/epochs'?"),
        (["sweep", "demo", "--set", "member_seed=3"], "Did you mean 'member_seeds'?"),
        (["sweep", "demo", "--set", "schedule/epochs"], "wants KEY=VALUE"),
        (["sweep", "demo", "--set", "schedule/epochs=three"], "schedule/epochs: wants a whole number, got 'three'"),
        (["sweep", "demo", "--set", "dropout=7"], "--set dropout=7"),
        (["sweep", "demo", "--set", "resources/workers=0"], "--set resources/workers=0: is too small"),
        (["sweep", "demo", "--set", "resources/workers=65"], "resources/workers is 65 and schedule/batch_size is"),
        (["sweep", "demo", "--set", "learning_rate=-1"], "--set learning_rate=-1"),
        (["sweep", "demo", "--set", "backbone=test_resne"], "Did you mean 'test_resnet'?"),
        (["sweep", "demo", "--data", "somewhere"], "reads no folder"),
        (["sweep", "demo", "--patients", "patients.csv"], "Leave --patients out"),
        (["sweep", "covid"], "needs a data folder. Name it with --data FOLDER"),
        (["sweep", "demo", "--storage", "gs://bucket/runs"], "or an S3 bucket"),
        (["results", "demo"], "There is no sweep in"),
        (["stop"], "There is no sweep in"),
        (["show", "network-0000"], "has the key 'network-0000'"),
        (["show", "../../etc"], "Nothing in"),
        (["ui"], "There is no storage folder"),
        (["ui", "--port", "99999"], "--port"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_in_the_call_is_told_with_the_way_out(words: list[str], told: str, tmp_path: Path) -> None:
    storage = tmp_path / "runs"
    error = refusal(*words, env={"ORCHESTRATOR_STORAGE": str(storage)})
    assert told in error
    assert not storage.exists(), "a refused command made the storage folder"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def space(trial:\n    pass\n", "line 1: "),
        ("import math\n\nraise RuntimeError('no luck')\n", "line 3: RuntimeError: no luck"),
        ("import absent_module\n", "line 1: ModuleNotFoundError: No module named 'absent_module'"),
        ("import sys\nsys.exit(0)\n", "line 2: SystemExit: 0"),
        ("sweep = 3\n", "its 'sweep' is int"),
        ("x = 1\n", "it defines neither"),
        ("def space(trial):\n    return 3\n", "returned int, and must return a TrialSpec"),
        ("def space(trial):\n    x = 1\n    return x / 0\n", "line 3: the search space raised ZeroDivisionError"),
        (SPACE.replace("epochs=2", "epochs=0"), "line 17: the search space raised ValueError: schedule/epochs"),
        (SPACE.replace("SmallCNN(widths=(4, 8), ", "dict("), "returned a TrialSpec that is not sound: model"),
        (SPACE.replace("images=96", "images='many'"), "the search space raised TypeError"),
        (SPACE.replace("trials=3", "trails=3"), "trails"),
        (SPACE.replace("val/nll", "val/nil"), "Did you mean 'val/nll'?"),
    ],
)
def test_a_broken_space_file_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    error = refusal("sweep", path, "--storage", tmp_path / "runs", "--inline")
    assert told in error
    assert "mine.py" in error
    assert not (tmp_path / "runs").exists()


def test_a_module_that_a_space_file_imports_is_named_when_it_does_not_parse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "my_networks.py").write_text("x = (\n")
    (tmp_path / "mine.py").write_text("\n\nimport my_networks\n")
    assert "my_networks.py, line 1" in refusal("sweep", tmp_path / "mine.py", "--storage", tmp_path / "runs")


def break_image(path: Path, how: str) -> None:
    whole = path.read_bytes()
    if how == "unreadable":
        path.write_text("this is no image")
    else:
        path.write_bytes(b"" if how == "zero" else whole[: len(whole) // 2])


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize(
    ("how", "told"),
    [("unreadable", "the content is no PNG"), ("zero", "the file is empty (0 bytes)"), ("truncated", "is truncated")],
)
def test_a_bad_image_is_named_and_leaves_no_sweep_behind(
    radiographs: Path, folder_space: Path, tmp_path: Path, how: str, told: str
) -> None:
    storage = tmp_path / "runs"
    whole = tmp_path / "whole"
    shutil.copytree(radiographs, whole)
    break_image(radiographs / "Normal" / "images" / "Normal-03.png", how)
    words = ("sweep", folder_space, "--storage", storage, "--inline", "--json")
    error = refusal(*words, "--data", radiographs)
    assert "Normal-03.png" in error
    assert told in error
    assert orchestrator("status", "--storage", storage).out.startswith("No sweep")
    assert not list(storage.rglob("*.npy")), "decoded images of a failed start are left"
    if how == "zero":  # the mended folder has another fingerprint, and the name must be free for it
        assert orchestrator(*words, "--data", whole).code == 0


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def other_layout(folder: Path) -> None:
    (folder / "COVID").rename(folder / "sick")
    (folder / "Normal").rename(folder / "well")
    shutil.rmtree(folder / "Viral Pneumonia")


def single_image(folder: Path) -> None:
    for path in sorted((folder / "Normal" / "images").iterdir())[1:]:
        path.unlink()


def no_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (empty, "It holds nothing"),
        (other_layout, "It holds sick/, well/"),
        (single_image, "Class 'Normal' has 1 image of 1 different image"),
        (no_folder, "does not exist"),
        (a_file, "is a file, not a folder"),
    ],
)
def test_a_bad_data_folder_is_told(change, told: str, radiographs: Path, folder_space: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    change(radiographs)
    storage = tmp_path / "runs"
    error = refusal("sweep", folder_space, "--data", radiographs, "--storage", storage, "--inline", "--quiet")
    assert told in error
    assert list(Ledger(storage, "folder").folder.glob("*.json")) == []


def test_a_storage_that_cannot_be_written_is_the_machines_fault(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for words in (("sweep", tiny, "--inline"), ("sweep", "demo")):
        error = refusal(*words, "--storage", tmp_path / "file" / "runs", code=3)
        assert "cannot be written: Not a directory. Name another one with --storage" in error


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--metric", "val/ece"], '"val/ece"'),
        (["--seed", "9"], "seed: 0 there, 9 here"),
        (["--set", "schedule/epochs=3"], '{"schedule/epochs": 3} here'),
        (["--set", "scheduler=none", "--set", "searcher=random"], 'searcher: "tpe" there, "random" here'),
        (["--trials", "2"], "--trials 2 asks for fewer"),
    ],
    ids=str,
)
def test_a_name_in_use_is_refused_with_the_difference_and_nothing_is_written(
    words: list[str], told: str, tiny: Path, finished: Path
) -> None:
    before = files(finished)
    error = refusal("sweep", tiny, *words, "--storage", finished, "--inline", "--quiet")
    assert told in error
    assert "--name" in error
    assert files(finished) == before


def test_another_space_under_a_name_in_use_is_refused(tmp_path: Path, finished: Path) -> None:
    before = files(finished)
    for old, new, told in [
        ("widths=(4, 8)", "widths=(4, 6)", '"widths": [4, 8]'),
        ("0.0, 0.5", "0.0, 0.4", '"high": 0.4'),
        ('"dropout"', '"drop"', "cannot give trial 0 again"),
    ]:
        path = tmp_path / "tiny.py"
        path.write_text(SPACE.replace(old, new))
        error = refusal("sweep", path, "--trials", 9, "--storage", finished, "--inline", "--quiet")
        assert told in error
        assert "give it another --name" in error
    path.write_text(SPACE.replace('name="tiny"', 'name="other"'))
    assert 'space: "tiny" there, "other" here' in refusal(
        "sweep", path, "--name", "tiny", "--storage", finished, "--inline"
    )
    assert files(finished) == before


@pytest.mark.usefixtures("away")
def test_sixteen_bit_images_work_and_other_data_under_their_name_are_refused(
    radiographs: Path, folder_space: Path, tmp_path: Path
) -> None:
    for path in radiographs.rglob("*.png"):
        grey = np.asarray(Image.open(path)).astype(np.uint16) * 257
        Image.fromarray(grey).save(path)
    words = ("sweep", folder_space, "--data", radiographs, "--storage", tmp_path / "runs", "--inline", "--json")
    assert orchestrator(*words).code == 0
    before = files(tmp_path / "runs" / "sweeps")
    (radiographs / "COVID" / "images" / "COVID-00.png").unlink()
    assert f"data: {radiographs} (" in refusal(*words)
    assert files(tmp_path / "runs" / "sweeps") == before


def test_a_mistake_in_a_process_of_its_own_has_the_same_exit_code_and_no_trace(tmp_path: Path) -> None:
    said = program("sweep", "demmo", "--storage", tmp_path / "runs")
    assert said.code == 2
    assert said.error.startswith("Error: There is no search space 'demmo'.")


def test_an_unforeseen_error_of_the_system_is_a_paragraph(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/somewhere/report.html")

    monkeypatch.setattr("orchestrator.report.write.write_report", full)
    assert "/somewhere/report.html: No space left on device" in refusal("report", "--storage", finished, code=3)
