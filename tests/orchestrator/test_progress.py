"""What a person and a log are told while a sweep runs: pace against arithmetic, GPUs as nvidia-smi writes them, JSON lines."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from orchestrator.executors.inline import InlineExecutor
from orchestrator.gpu_use import GpuUse, GpuWatch, gpu_text, parsed
from orchestrator.pace import duration_text, epochs_to_come, planned_epochs, seconds_left
from orchestrator.progress import Progress, open_progress
from orchestrator.progress_json import ProgressJson
from orchestrator.storage.ledger import Report, Row
from orchestrator.sweep.launch import run_sweep
from tests.orchestrator.sweep.tiny import launch
from trainables.spec import Schedule


def row(number: int, state: str, epochs: int, *, of: int | None = 10, kind: str = "trial", first: float = 100.0) -> Row:
    """A row with so many epochs, one a second from a time on."""
    reports = [Report(epoch=n + 1, metrics={}, best_epoch=n + 1, finished=False, time=first + n) for n in range(epochs)]
    spec: dict[str, Any] = {} if of is None else {"schedule": {"epochs": of}}
    made = Row(kind=kind, number=number, spec=spec, key="k", fit_key="f", data_key="d", reports=reports)  # type: ignore[arg-type]
    made.state = state  # type: ignore[assignment]
    return made


def test_epochs_to_come_are_those_of_running_of_undrawn_and_of_members() -> None:
    rows = [row(0, "completed", 10), row(1, "stopped", 4), row(2, "running", 3)]
    assert epochs_to_come(rows, trials=5, members=2) == (10 - 3) + 2 * 7.0 + 2 * 10
    assert epochs_to_come([], trials=5, members=2) == 0
    assert epochs_to_come([row(0, "completed", 10)], trials=1, members=0) == 0


def test_a_copy_of_a_population_trains_what_its_donor_had_not() -> None:
    copy = replace(row(4, "running", 1), parent="fit-0123/epoch-0004")
    assert epochs_to_come([copy], trials=1, members=0) == 10 - 4 - 1


def test_a_schedule_at_its_default_has_the_default_epochs() -> None:
    assert planned_epochs(row(0, "running", 0, of=None)) == Schedule().epochs


def test_the_pace_is_that_of_this_start_alone() -> None:
    rows = [row(0, "completed", 10, first=0.0), row(1, "running", 5, first=100.5)]
    assert seconds_left(rows, trials=2, members=0, since=100.0, now=110.0) == pytest.approx(5 * 10 / 5)
    assert seconds_left(rows, trials=2, members=0, since=200.0, now=210.0) is None
    assert seconds_left(rows[:1], trials=1, members=0, since=-1.0, now=10.0) is None


@pytest.mark.parametrize(("seconds", "text"), [(40, "40 s"), (720, "12 min"), (12_000, "3 h 20 min")])
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_gpus_are_read_as_nvidia_smi_writes_them() -> None:
    found = parsed("63, 11890, 15360\n[N/A], [N/A], [N/A]\n0, 3, 15360\n")
    assert found == (GpuUse(percent=63, used=11890, total=15360), GpuUse(percent=0, used=3, total=15360))
    assert gpu_text(found) == "GPU 63 %, 11.6 of 15 GiB, GPU 0 %, 0.0 of 15 GiB"


def test_a_watch_asks_now_and_then_and_does_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert GpuWatch()() == ()
    asked = tmp_path / "nvidia-smi"
    asked.write_text('#!/bin/sh\necho "7, 1024, 2048"\necho asked >> "$0.log"\n')
    asked.chmod(0o755)
    watch = GpuWatch(every_seconds=60)
    assert watch() == watch() == (GpuUse(percent=7, used=1024, total=2048),)
    assert (tmp_path / "nvidia-smi.log").read_text() == "asked\n"
    asked.write_text("#!/bin/sh\nexit 9\n")
    assert GpuWatch()() == ()


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What a tiny sweep tells in JSON, and again when it is started a second time."""
    storage, stream = tmp_path_factory.mktemp("runs"), io.StringIO()
    for _ in range(2):
        with ProgressJson("tiny", stream=stream, summary_seconds=0) as progress:
            run_sweep(launch(storage), InlineExecutor(), [progress])
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_line_is_one_event_of_the_sweep(lines: list[dict[str, Any]]) -> None:
    assert {line["event"] for line in lines} == {"decoding", "data", "trial", "posthoc", "summary"}
    assert {line["sweep"] for line in lines} == {"tiny"}
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)


def test_trials_tell_epochs_once_and_their_end(lines: list[dict[str, Any]]) -> None:
    trials = [line for line in lines if line["event"] == "trial"]
    seen = [(line["name"], line["state"], line["epoch"]) for line in trials]
    assert len(set(seen)) == len(seen), "the second start told again what had ended"
    assert ("trial-0000", "running", 1) in seen
    assert ("trial-0000", "completed", 3) in seen
    assert ("member-0000", "completed", 3) in seen
    ended = next(line for line in trials if line["state"] == "completed")
    assert (ended["epochs"], ended["metric"]) == (3, "val/nll")
    assert ended["value"] > 0
    assert set(ended["params"]) == {"dropout", "learning_rate"}


def test_the_summary_counts_trials_and_says_what_is_left(lines: list[dict[str, Any]]) -> None:
    summaries = [line for line in lines if line["event"] == "summary"]
    assert summaries[-1]["trials"]["wanted"] == 4
    assert any(summary["seconds_left"] is not None and summary["seconds_left"] > 0 for summary in summaries)
    assert summaries[-1]["seconds_left"] is None
    assert summaries[-1]["posthoc"]["queued"] == 0
    told = [line for line in lines if line["event"] != "data"]  # the second start finds everything there
    assert told[-1] == summaries[-1], "the last line says how it ended"


def test_the_table_says_what_is_left(tmp_path: Path) -> None:
    shown = Progress("tiny")
    wide, seen = Console(file=io.StringIO(), width=200), []

    class Looking:
        def changed(self, driver: Any, reconciler: Any) -> None:
            shown.changed(driver, reconciler)
            wide.print(shown._picture())

        def decoding(self, done: int, total: int) -> None: ...

        def data_ready(self, text: str) -> None: ...

    run_sweep(launch(tmp_path / "runs"), InlineExecutor(), [Looking()])
    seen = wide.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert any("of training left" in line for line in seen)
    assert any("trial-0001" in line and "/3" in line for line in seen)


def test_lines_say_now_and_then_how_far_all_of_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("tiny", live=False, summary_seconds=0) as progress:
        run_sweep(launch(tmp_path / "runs"), InlineExecutor(), [progress])
    told = [line.partition(" ")[2] for line in capsys.readouterr().err.splitlines()]
    assert "0 of 4 trials; post-hoc: 0 done, 0 queued" in told
    assert any(line.startswith("2 of 4 trials (2 running), epochs: trial-0000 1/3, trial-0001 ") for line in told)
    assert told[-1] == "4 of 4 trials (2 completed, 2 stopped); post-hoc: 9 done, 0 queued"
    assert len(set(told)) == len(told), "a line was told twice"
    with Progress("tiny", live=False) as progress:  # a short sweep has no need of it
        run_sweep(launch(tmp_path / "others"), InlineExecutor(), [progress])
    assert "post-hoc: " not in capsys.readouterr().err


def test_what_waits_is_told_by_its_kind_and_a_failure_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    driver = SimpleNamespace(rows={}, interval=0, sweep=SimpleNamespace(trials=2, member_seeds=0))
    pending = {"aopc-01", "laplace_kron-02", "aopc-03"}
    queue = SimpleNamespace(done={"evaluation-04"}, pending=pending, failed={"aopc-05": "ValueError: no map\nmore"})
    with Progress("tiny", live=False, summary_seconds=0) as progress:
        for _ in range(2):
            progress.changed(driver, queue)  # type: ignore[arg-type]
    told = capsys.readouterr().err
    assert told.count("aopc-05 failed: ValueError: no map\n") == 1
    assert told.count("post-hoc: 1 done, 3 queued (2 aopc, 1 laplace_kron), 1 failed") == 1


def test_quiet_wins_over_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("auto", "lines", "json"):
        with open_progress("tiny", form=form, quiet=True) as progress:  # type: ignore[arg-type]
            progress.note("something")
    assert capsys.readouterr().err == ""
    with open_progress("tiny", form="json") as progress:
        progress.note("something")
        progress.decoding(1, 100)
        progress.decoding(2, 100)
        progress.decoding(10, 100)
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line.get("done")) for line in told] == [("note", None), ("decoding", 1), ("decoding", 10)]
