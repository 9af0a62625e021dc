"""Hours of every stage: threads and processes on CPUs, the reserved share on GPUs, and what older results leave open."""

from pathlib import Path

import pytest

from orchestrator.executors.inline import InlineExecutor
from orchestrator.provenance import cpu_worker, worker
from orchestrator.report.effort import Spent, effort_lines
from orchestrator.report.findings import Findings, gather
from orchestrator.report.origin import stages
from orchestrator.report.pictures import Studio, learning_pictures
from orchestrator.report.stages import first_stages
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.sweep.launch import Launch, run_sweep
from search_spaces.overrides import Overrides
from search_spaces.sweep import Resources, Sweep
from tests.orchestrator.report.explained_sweep import WORKER, explained_sweep
from tests.orchestrator.report.tiny_sweep import finished_sweep
from trainables.spec import Evaluation, Schedule, SmallCNN, Synthetic, TrialSpec


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    sweep = explained_sweep(tmp_path_factory.mktemp("effort"))
    return gather(sweep.store, sweep.ledger)


def test_hours_are_seconds_times_what_they_were_spent_on() -> None:
    spent = Spent()
    spent.add(1800, {"threads": 4, "workers": 2, "gpu": True, "gpus": 1.0, "device": "x"})
    assert (spent.cpu_hours, spent.gpu_hours, spent.is_most) == (4.0, 1.0, False)
    spent.add(3600, {"threads": 1, "workers": 1, "gpu": True, "gpus": 0.0, "device": "x"})
    assert (spent.cpu_hours, spent.gpu_hours, spent.is_most) == (5.0, 2.0, True)
    spent.add(3600, {"threads": 1, "workers": 1, "gpu": False, "gpus": 0.0, "device": "y"})
    assert (spent.cpu_hours, spent.gpu_hours, list(spent.devices)) == (6.0, 2.0, ["x", "y"])
    spent.add(1, {})
    assert spent.cpu_hours is None


def test_both_stages_of_a_training_have_their_line(findings: Findings) -> None:
    lines = {line.name: line for line in effort_lines(findings)}
    first = lines["training, first stage"]
    assert (first.results, first.seconds, first.cpu_hours, first.gpu_hours) == (1, "60.0 min", "2", "0.5")
    assert first.devices == "a GPU"
    second = lines["training, second stage"]  # nobody wrote down its workers: half a GPU and two threads are asked for
    assert second.results == 3
    assert second.sorts == pytest.approx((7 * 2.0, 7 * 2.0 * 2 / 3600, 7 * 2.0 / 2 / 3600))
    assert lines["attentive response maps"].gpu_hours == f"≤ {4 / 3600:.3g}"
    total = lines["all"]
    assert total.sorts[2] == pytest.approx(sum(line.sorts[2] for line in lines.values()) / 2)
    assert "training, first stage: train" in [stage.name for stage in stages(findings)]


def test_both_stages_have_their_curves(findings: Findings, tmp_path: Path) -> None:
    (row,) = first_stages(findings)
    assert row.name == "trial-0000"
    assert [report.worker for report in row.reports] == [WORKER, WORKER]
    found = learning_pictures(findings, Studio())
    assert [title for title, _ in found] == ["First stage", "Second stage"]
    assert [len(pictures) for _, pictures in found] == [3, 3]
    single = finished_sweep(tmp_path)
    (only,) = learning_pictures(gather(single.store, single.ledger), Studio())
    assert only[0] == ""


def test_a_sweep_writes_down_what_it_ran_on(tmp_path: Path) -> None:
    def space(trial: object) -> TrialSpec:
        return TrialSpec(
            data=Synthetic(images=64, size=32), model=SmallCNN(widths=(4,)), schedule=Schedule(epochs=1, batch_size=32)
        )

    sweep = Sweep(
        name="one",
        space=space,
        trials=1,
        searcher="grid",
        member_seeds=0,
        posthoc=(Evaluation(),),
        resources=Resources(),
    )
    launch = Launch(sweep=sweep, overrides=Overrides(), name="one", storage=tmp_path)
    assert run_sweep(launch, InlineExecutor()).finished
    findings = gather(Store(tmp_path), Ledger(tmp_path, "one"))
    expected = worker(threads=1)
    row = findings.rows[0]
    assert row.reports[0].worker == expected
    assert findings.meta(row.key)["worker"] == expected
    assert findings.meta(findings.results[0].results["evaluation"])["worker"] == expected
    lines = {line.name: line for line in effort_lines(findings)}
    assert {"preparation of the data", "training", "one pass over all splits", "evaluation", "all"} == set(lines)
    assert findings.store.manifest(row.data_key).meta["worker"] == cpu_worker(1)
    prepared = lines["preparation of the data"]  # one thread draws
    assert prepared.sorts[1] == pytest.approx(prepared.sorts[0] / 3600)
    assert prepared.sorts[0] > 0
    if not expected["gpu"]:
        assert lines["all"].gpu_hours == "0"
    trained = sum(row.reports[0].seconds.values())
    assert lines["training"].sorts[1] == pytest.approx(trained / 3600)
