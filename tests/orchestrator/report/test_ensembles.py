from pathlib import Path

import pytest

from orchestrator.computation import compute
from orchestrator.figures.files import size_curves
from orchestrator.figures.sizes import SizePoint, size_points, sized_metrics
from orchestrator.report.ensembles import EnsembleEntry, ensemble_entries
from orchestrator.report.findings import gather
from orchestrator.report.pictures import Studio
from orchestrator.report.text import number_text
from orchestrator.report.write import write_report
from orchestrator.tracking.ensemble_run import ensemble_run
from orchestrator.tracking.pictures import ensemble_pictures
from tests.orchestrator.report.tiny_sweep import TinySweep
from trainables.spec import Ensemble, posthoc_key, to_plain

TASK = Ensemble(members="greedy", size=4, sizes=(1, 2, 9))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> TinySweep:
    sweep = TinySweep(tmp_path_factory.mktemp("ensembles"))
    sweep.add_data()
    members = []
    for number in range(3):
        row = sweep.add_trial(number)
        sweep.add_results(row)
        members.append(row.key)
    sweep.ledger.write_ensemble(key_of(members), plain_of(members))
    compute(sweep.store, TASK, key_of(members), members)
    return sweep


def key_of(members: list[str]) -> str:
    return posthoc_key(TASK, members)


def plain_of(members: list[str]) -> dict[str, object]:
    return {"task": to_plain(TASK), "name": TASK.name, "members": members, "superseded": False}


def entry_of(sweep: TinySweep) -> EnsembleEntry:
    (entry,) = ensemble_entries(gather(sweep.store, sweep.ledger), Studio())
    return entry


def test_the_picks_are_told_by_name_with_what_they_reach_on_val(sweep: TinySweep) -> None:
    entry, (key,) = entry_of(sweep), sweep.ledger.ensembles()
    details = sweep.store.manifest(key).meta["details"]
    assert entry.selected_by == "val/nll"
    assert [line[2] for line in entry.selection] == [number_text(line["val/nll"], 4) for line in details["selection"]]
    assert all(line[1].startswith("trial-000") for line in entry.selection)
    weights = [
        f"{n} × {c}" if c > 1 else n for n, c in zip(named(sweep, details), details["chosen"].values(), strict=True)
    ]
    assert entry.members == ", ".join(weights)


def named(sweep: TinySweep, details: dict[str, dict[str, int]]) -> list[str]:
    names = gather(sweep.store, sweep.ledger).names
    return [names[key] for key in details["chosen"]]


def test_gains_have_their_interval_and_say_what_was_drawn(sweep: TinySweep) -> None:
    entry, (key,) = entry_of(sweep), sweep.ledger.ensembles()
    metrics = sweep.store.manifest(key).meta["metrics"]
    nll = next(line for line in entry.gains if line[0] == "NLL, as trained")
    assert nll[1:] == tuple(f"{metrics[f'test/nll_gain{end}']:+.3f}" for end in ("", "/low", "/high"))
    assert metrics["test/nll_gain/low"] <= metrics["test/nll_gain"] <= metrics["test/nll_gain/high"]
    assert entry.compared.endswith("20 patients")


def test_sizes_stand_in_a_table_and_in_figures(sweep: TinySweep) -> None:
    entry, (key,) = entry_of(sweep), sweep.ledger.ensembles()
    metrics = sweep.store.manifest(key).meta["metrics"]
    chosen = sweep.store.manifest(key).meta["details"]["chosen"]
    assert [line[0] for line in entry.size_rows] == [str(size) for size in (1, 2) if size <= len(chosen)]
    assert {len(line) for line in entry.size_rows} == {len(entry.size_heads)}
    assert entry.size_rows[0][1].startswith(number_text(metrics["size_1/test/accuracy"]))
    assert len(entry.pictures) == len(sized_metrics(metrics)) == 5
    assert size_curves(metrics, "sizes").startswith(b"\x89PNG")
    assert ensemble_pictures(sweep.store, key)["figures/size_curve.png"].content().startswith(b"\x89PNG")


def test_the_page_holds_the_section(sweep: TinySweep, tmp_path: Path) -> None:
    text = write_report(sweep.store, sweep.ledger, tmp_path / "report.html").read_text()
    section = text[text.index('<section id="ensembles">') : text.index('<section id="search">')]
    assert "ensemble_greedy_4" in section
    assert "95 % interval" in section
    assert "temperature of each member" in text


def test_the_run_tells_candidates_and_choice_apart(sweep: TinySweep) -> None:
    ((key, plain),) = sweep.ledger.ensembles().items()
    update = ensemble_run(sweep.store, "sweep", key, plain, sweep.store.manifest(key), failed=False)
    assert "members" not in update.params
    assert update.params["candidates"].split() == plain["members"]
    assert " x" in update.tags["orchestrator.chosen"]


def test_points_of_a_metric_are_sorted_and_keep_their_spread() -> None:
    metrics = {"size_10/test/nll": 0.5, "size_2/test/nll": 0.7, "size_2/test/nll/sd": 0.1, "size_2/test/nll/se": 0.05}
    assert size_points(metrics, "test/nll") == [
        SizePoint(size=2, mean=0.7, deviation=0.1, error=0.05),
        SizePoint(size=10, mean=0.5, deviation=None, error=None),
    ]
    assert size_points(metrics, "temperature/test/nll") == []
    with pytest.raises(ValueError, match="without sizes"):
        size_curves({"test/nll": 0.5})
