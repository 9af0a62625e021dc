"""Trials beside one another: which, with which labels, on the page and in the sweep's own run."""

import re

import pytest
from safetensors.torch import save_file

from orchestrator.compared import area_table, compared_networks, differing, image_grid
from orchestrator.report.findings import gather
from orchestrator.report.write import render
from orchestrator.tracking.comparison import sweep_pictures
from orchestrator.tracking.sweep_runs import SweepRuns
from tests.orchestrator.figures.galleries import attentive_tensors, compared_tensors
from tests.orchestrator.report import tiny_sweep
from trainables.spec import AttentiveMaps, posthoc_key, to_plain


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    monkeypatch.setattr(tiny_sweep, "aopc_tensors", compared_tensors)
    return tiny_sweep.finished_sweep(tmp_path)


def with_attentive(sweep):
    definition = sweep.ledger.definition()
    sweep.ledger.write_definition({**definition, "posthoc": [*definition["posthoc"], to_plain(AttentiveMaps())]})
    row = sweep.ledger.rows()[0]
    attempt = sweep.store.begin(posthoc_key(AttentiveMaps(), [row.key]))
    save_file(attentive_tensors(), attempt.folder / "tensors.safetensors")
    attempt.commit({"metrics": {"test/winning_units": 5.0}, "seconds": {}, "remarks": []})


def test_labels_say_what_is_not_shared() -> None:
    drawn = [{"loss": "focal", "lr": 0.001, "size": 32}, {"loss": "ce", "lr": 0.001, "size": 32, "lambda": 0.25}]
    assert differing(drawn) == ["loss focal", "loss ce, lambda 0.25"]
    assert differing(drawn[:1]) == [""]
    assert differing([]) == []


def test_the_best_trial_comes_first_with_its_figures(sweep) -> None:
    found = compared_networks(sweep.store, sweep.ledger)
    assert [each.name for each in found] == ["trial-0000", "trial-0001"]
    assert [each.is_best for each in found] == [True, False]
    assert "loss focal" in found[0].label
    assert area_table(found)[1][1:] == ("0.250", "0.125", "0.125")
    assert len(image_grid(found).rows) == 2
    assert len(compared_networks(sweep.store, sweep.ledger, most=1)) == 1


def test_the_page_has_curves_table_grid_and_overlays(sweep) -> None:
    page = render(gather(sweep.store, sweep.ledger))
    assert "AOPC by step, trials compared" in page
    assert "The same images under every trial" in page
    assert page.count('data-view="trial-000') == 6
    assert page.count('data-view="Opacity') == 12
    assert "Attentive response maps" not in page
    assert "<b>opacity" not in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_the_page_has_attentive_maps_unit_by_unit(sweep) -> None:
    with_attentive(sweep)
    page = render(gather(sweep.store, sweep.ledger))
    assert "6 units</h4>" in page
    assert "Unit by unit: the 4 most activated ones of trial-0000" in page
    assert page.count('data-view="Unit ') == 3 + 12


def test_one_trial_is_not_compared(tmp_path) -> None:
    sweep = tiny_sweep.TinySweep(tmp_path)
    sweep.add_data()
    sweep.add_results(sweep.add_trial(0))
    page = render(gather(sweep.store, sweep.ledger))
    assert "trials compared" not in page
    assert "The map at several opacities" in page
    assert sweep_pictures(sweep.store, sweep.ledger, ["aopc-1"]) == {}


def test_the_sweeps_run_has_the_pictures_once_it_is_over(sweep) -> None:
    updates = SweepRuns(sweep.store, sweep.ledger).updates()
    parent = updates[0]
    names = {"figures/aopc_by_step.png", "figures/saliency_by_trial.png"}
    assert names < set(parent.artifacts)
    for name in names:
        content = parent.artifacts[name].content()
        assert content.startswith(b"\x89PNG")
        assert len(content) > 20_000, "a note that it could not be drawn is smaller"
    assert SweepRuns(sweep.store, sweep.ledger).updates()[0].digest == parent.digest


def test_a_networks_run_has_overlays_and_units(sweep) -> None:
    with_attentive(sweep)
    run = next(each for each in SweepRuns(sweep.store, sweep.ledger).updates() if each.name.startswith("trial-0000"))
    for name in ("aopc_overlays", "attentive", "attentive_top_5", "attentive_top_9"):
        content = run.artifacts[f"figures/{name}.png"].content()
        assert content.startswith(b"\x89PNG")
        assert len(content) > 20_000
