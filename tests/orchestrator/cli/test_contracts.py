"""The JSON that scripts rely on, its exit codes, and what the commands leave alone."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.options import finite
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from tests.orchestrator.cli.program import ROOT, SPACE, Said, files, orchestrator, refusal
from tests.orchestrator.tracking.servers import free_port

AUDIT = (
    "doubled_runs",
    "orphaned_runs",
    "missing_runs",
    "missing_results",
    "orphaned_results",
    "repeated_epochs",
    "trained_twice",
)


def document(said: Said) -> Any:
    """The one JSON document on stdout."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(said.out, parse_constant=refuse)


def test_a_sweep_prints_one_json_document_and_nothing_else(swept: tuple[Path, Said]) -> None:
    _, said = swept
    found = document(said)
    assert found["name"] == "tiny"
    assert found["state"] == "finished"
    assert said.err == ""


def test_status_without_a_sweep_is_an_empty_list(tmp_path: Path) -> None:
    said = orchestrator("status", "--storage", tmp_path / "absent", "--json")
    assert (said.code, document(said), said.err) == (0, {"sweeps": []}, "")
    assert not (tmp_path / "absent").exists()


def test_status_counts_trials_and_results(finished: Path) -> None:
    (sweep,) = document(orchestrator("status", "tiny", "--storage", finished, "--json"))["sweeps"]
    assert sweep["trials"] == {"wanted": 3, "running": 0, "completed": 3, "stopped": 0, "failed": 0}
    assert sweep["posthoc"] == {"wanted": 10, "done": 10, "failed": 0}
    assert (sweep["name"], sweep["space"], sweep["state"]) == ("tiny", "tiny", "finished")
    assert Path(sweep["storage"]) == finished
    assert time.time() - sweep["updated"] < 3600


def test_results_show_the_metrics_that_are_asked_for(finished: Path) -> None:
    said = orchestrator("results", "tiny", "--metric", "test/recall/*", "--metric", "test/nll", "--storage", finished)
    assert said.code == 0
    assert "recall/normal" in said.out
    assert "trial-0000" in said.out
    told = orchestrator("results", "tiny", "--format", "md", "--metric", "test/nll", "--storage", finished).out
    rows = document(orchestrator("results", "tiny", "--json", "--storage", finished))["rows"]
    assert "| test/nll |" in told
    assert f"{rows[0]['metrics']['test/nll']:.3f}" in told
    assert "no result has such a metric" in refusal("results", "--metric", "test/aurok/*", "--storage", finished)


def test_results_have_a_row_for_every_trial_member_and_ensemble(finished: Path) -> None:
    found = document(orchestrator("results", "tiny", "--format", "json", "--storage", finished))
    assert found["sweep"] == "tiny"
    assert found["objectives"] == [{"metric": "val/nll", "mode": "min"}]
    kinds = [row["kind"] for row in found["rows"]]
    assert [kinds.count(kind) for kind in ("trial", "member", "ensemble")] == [3, 1, 2]
    keys = {row["key"] for row in found["rows"]}
    for row in found["rows"]:
        assert set(row) >= {"key", "kind", "name", "trial", "state", "epochs", "params", "metrics", "members"}
        assert all(value is None or math.isfinite(value) for value in row["metrics"].values())
        assert {"test/accuracy", "temperature/test/ece"} <= set(row["metrics"])
        assert set(row["members"]) <= keys
    assert document(orchestrator("results", "--json", "--storage", finished)) == found


def test_no_number_that_json_lacks_is_printed() -> None:
    assert finite({"a": [math.nan, 1.5, (math.inf,)], "b": {"c": -math.inf}}) == {
        "a": [None, 1.5, [None]],
        "b": {"c": None},
    }


def test_an_undefined_metric_is_null(copied: Path) -> None:
    store = Store(copied)
    key = store.keys("evaluation")[0]
    manifest = copied / "artifacts" / "evaluation" / key / "manifest.json"
    plain = json.loads(manifest.read_text())
    plain["meta"]["metrics"]["test/auroc/absent"] = None
    manifest.write_text(json.dumps(plain))
    rows = document(orchestrator("results", "--json", "--storage", copied))["rows"]
    assert [row["metrics"]["test/auroc/absent"] for row in rows if "test/auroc/absent" in row["metrics"]] == [None]


def test_audit_of_a_finished_sweep_is_clean(finished: Path) -> None:
    said = orchestrator("audit", "tiny", "--storage", finished, "--json")
    found = document(said)
    assert said.code == 0
    assert found["ok"] is True
    assert {name: found[name] for name in AUDIT} == {name: [] for name in AUDIT}


def test_audit_with_a_finding_has_exit_code_1(copied: Path) -> None:
    said = orchestrator("audit", "tiny", "--storage", copied, "--json")
    assert said.code == 1
    assert len(document(said)["missing_runs"]) == 7
    assert "missing runs: tiny" in orchestrator("audit", "tiny", "--storage", copied).out


def test_doctor_prints_nodes_with_findings(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = orchestrator("doctor", "--storage", tmp_path / "file" / "runs", "--json")
    found = document(said)
    assert (said.code, found["ok"]) == (1, False)
    (node,) = found["nodes"]
    storage = next(finding for finding in node["findings"] if finding["kind"] == "storage")
    assert set(storage) == {"kind", "message", "remedy"}
    told = orchestrator("doctor", "--storage", tmp_path / "file" / "runs").out
    assert storage["message"] in told
    assert storage["remedy"] in told


def test_list_names_the_spaces() -> None:
    assert {space["name"] for space in document(orchestrator("list", "--json"))["spaces"]} >= {"demo", "covid"}


@pytest.mark.parametrize("json_too", [True, False])
def test_a_dry_run_writes_nothing(json_too: bool, tiny: Path, tmp_path: Path) -> None:
    words = ("sweep", tiny, "--storage", tmp_path / "runs", "--dry-run", "--set", "schedule/epochs=1")
    said = orchestrator(*words, *(["--json"] if json_too else []))
    assert (said.code, said.err) == (0, "")
    assert list(tmp_path.iterdir()) == []
    if json_too:
        assert len(document(said)["first_draws"]) == 3
    else:
        assert re.search(r"trials +3, drawn by tpe", said.out)
        assert "schedule/epochs=1" in said.out


def test_show_tells_a_row_and_an_artifact(finished: Path) -> None:
    row = document(orchestrator("show", "tiny/trial-0001", "--storage", finished, "--json"))
    assert row["rows"][0]["params"].keys() == {"dropout", "learning_rate"}
    network = document(orchestrator("show", row["key"], "--storage", finished, "--json"))
    assert network["artifact"]["files"]
    assert row["key"] in orchestrator("show", "trial-0001", "--storage", finished).out


def test_posthoc_computes_what_is_missing(copied: Path, away: None) -> None:
    store = Store(copied)
    key = store.keys("temperature")[0]
    before = store.manifest(key).meta["metrics"]
    store.delete(key)
    status = document(orchestrator("status", "--storage", copied, "--json"))["sweeps"][0]["posthoc"]
    assert status == {"wanted": 10, "done": 9, "failed": 0}
    said = orchestrator("posthoc", "tiny", "--storage", copied, "--inline", "--json")
    assert said.code == 0
    assert document(said)["posthoc"]["done"] == 10
    assert store.manifest(key).meta["metrics"] == before


def test_a_finished_sweep_is_told_again_with_table_report_and_next_steps(tiny: Path, copied: Path, away: None) -> None:
    said = orchestrator("sweep", tiny, "--storage", copied, "--inline", "--quiet")
    assert said.code == 0
    assert "trial-0002" in said.out
    assert (copied / "sweeps" / "tiny" / "report.html").as_uri() in said.out
    assert said.error.count("cannot be reached") <= 2
    assert " running" not in said.err, "--quiet shows progress"


def test_a_larger_number_of_trials_extends_the_sweep(tiny: Path, copied: Path, away: None) -> None:
    before = {row.name: row for row in Ledger(copied, "tiny").rows() if row.kind == "trial"}
    said = orchestrator("sweep", tiny, "--storage", copied, "--inline", "--json", "--trials", 4)
    assert document(said)["trials"]["completed"] == 4
    rows = {row.name: row for row in Ledger(copied, "tiny").rows()}
    assert all(rows[name] == row for name, row in before.items())


def test_two_metrics_make_a_pareto_search(tiny: Path, tmp_path: Path, away: None) -> None:
    words = ("--trials", 2, "--set", "member_seeds=0", "--metric", "val/accuracy", "--metric", "val/ece:min")
    said = orchestrator("sweep", tiny, *words, "--storage", tmp_path, "--inline", "--json")
    assert said.code == 0
    assert document(orchestrator("results", "--json", "--storage", tmp_path))["objectives"] == [
        {"metric": "val/accuracy", "mode": "max"},
        {"metric": "val/ece", "mode": "min"},
    ]


def test_delete_asks_and_takes_no_silence_for_a_yes(finished: Path) -> None:
    before = files(finished)
    said = orchestrator("delete", "tiny", "--storage", finished, answer="n\n")
    assert said.code == 0
    assert "Nothing was deleted" in said.out
    said = orchestrator("delete", "tiny", "--storage", finished)
    assert said.code == 2
    assert "Pass --yes" in said.err
    assert files(finished) == before


def test_delete_leaves_what_another_sweep_uses(copied: Path, tiny: Path, away: None) -> None:
    words = ("sweep", tiny, "--storage", copied, "--inline", "--json", "--name", "twin", "--trials", 2)
    assert orchestrator(*words, "--set", "member_seeds=0").code == 0
    twins = {row.key for row in Ledger(copied, "twin").rows()}
    store = Store(copied)
    assert twins < set(store.keys("network"))
    said = orchestrator("delete", "tiny", "--storage", copied, "--yes", env={"MLFLOW_TRACKING_URI": ""})
    assert said.code == 0, said
    assert set(store.keys("network")) == twins
    assert len(store.keys("temperature")) == 2
    assert len(store.keys("ensemble")) == 1
    assert [sweep["name"] for sweep in document(orchestrator("status", "--storage", copied, "--json"))["sweeps"]] == [
        "twin"
    ]
    assert document(orchestrator("status", "--storage", copied, "--json"))["sweeps"][0]["posthoc"]["done"] == 5


def test_delete_changes_nothing_while_the_tracking_server_is_away(copied: Path, away: None) -> None:
    before = files(copied)
    said = orchestrator("delete", "tiny", "--storage", copied, "--yes")
    assert said.code == 3
    assert "nothing answers at that address" in said.error
    assert files(copied) == before


def test_stop_ends_a_running_sweep_which_then_goes_on(tmp_path: Path) -> None:
    space = tmp_path / "tiny.py"
    space.write_text(SPACE.replace("epochs=2", "epochs=200").replace("trials=3", "trials=1"))
    words = ["sweep", str(space), "--storage", str(tmp_path / "runs"), "--inline", "--quiet"]
    env = {**os.environ, "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    running = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *words], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True
    )
    try:
        ledger = Ledger(tmp_path / "runs", "tiny")
        deadline = time.monotonic() + 120
        while not any(row.reports for row in ledger.rows()) and time.monotonic() < deadline:
            assert running.poll() is None
            time.sleep(0.1)
        second = orchestrator(*words, env={"MLFLOW_TRACKING_URI": env["MLFLOW_TRACKING_URI"]})
        assert second.code == 3
        assert f"is run by process {running.pid}" in second.error
        said = orchestrator("stop", "tiny", "--storage", tmp_path / "runs", "--wait", 60)
        assert said.code == 0
        assert "tiny has ended" in said.out
        _, err = running.communicate(timeout=60)
        assert running.returncode == 130
        assert "Interrupted, 1 trial left. The same command goes on." in err
        assert "Traceback" not in err
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGKILL)
            running.wait()
    assert ledger.state() == "interrupted"
    epochs = len(ledger.rows()[0].reports)
    assert epochs > 0
    said = orchestrator("stop", "tiny", "--storage", tmp_path / "runs")
    assert (said.code, said.out.strip()) == (0, "tiny is not running.")
