"""Which parameters mattered, planted; and what is traded for what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, distribution_to_json

from orchestrator.figures.front import Aim, Point, front_of
from orchestrator.report import importance as important
from orchestrator.report.aims import front_pictures, importance_pictures
from orchestrator.report.findings import Findings
from orchestrator.report.importance import importance
from orchestrator.report.pictures import Studio
from orchestrator.results import ResultRow
from orchestrator.storage.ledger import Row
from orchestrator.storage.store import Store
from search_spaces.objective import Objective

RATE, KIND = FloatDistribution(0.0, 1.0), CategoricalDistribution(("a", "b"))


def findings(tmp_path: Path, count: int = 40) -> Findings:
    """The objective is the rate, all but a hundredth; the kind is noise."""
    draw = np.random.default_rng(0)
    rows, results = [], []
    for number in range(count):
        params = {"rate": float(draw.uniform()), "kind": str(draw.choice(["a", "b"]))}
        texts = {"rate": distribution_to_json(RATE), "kind": distribution_to_json(KIND)}
        row = Row(kind="trial", number=number, spec={}, key=f"network-{number}", fit_key="", data_key="")
        row.params, row.distributions, row.state = params, texts, "completed"
        rows.append(row)
        metrics = {"val/nll": params["rate"] + 0.01 * (params["kind"] == "a"), "val/auroc": 0.9 - params["rate"] / 9}
        results.append(
            ResultRow(
                key=row.key,
                kind="trial",
                name=row.name,
                trial=number,
                state="completed",
                epochs=1,
                params=params,
                metrics=metrics | {"val/ece": float(draw.uniform())},
            )
        )
    return Findings(
        store=Store(tmp_path),
        name="planted",
        state="finished",
        definition={"posthoc": []},
        objectives=(Objective(metric="val/nll", mode="min"),),
        rows=tuple(rows),
        results=tuple(results),
        best=results[0],
        best_ensemble=None,
        failures={},
    )


def test_a_planted_parameter_explains_nearly_everything(tmp_path: Path) -> None:
    found = findings(tmp_path)
    shares = importance(found, found.first_objective)
    assert shares["rate"] > 0.9
    assert sum(shares.values()) == pytest.approx(1)
    assert len(importance_pictures(found, Studio())) == 1


def test_importance_is_computed_anew_only_where_trials_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, computed = findings(tmp_path), []
    real = important._computed
    monkeypatch.setattr(important, "_computed", lambda *given: computed.append(1) or real(*given))
    first = importance(found, found.first_objective)
    assert importance(found, found.first_objective) == first
    assert len(computed) == 1
    fewer = replace(found, results=found.results[:30])
    assert importance(fewer, found.first_objective) != first
    assert len(computed) == 2
    (tmp_path / "cache" / "importance-planted.json").write_text("{")
    assert importance(found, found.first_objective) == first


def test_the_front_is_that_of_a_slow_loop() -> None:
    draw = np.random.default_rng(3)
    points = [Point(name=str(n), x=float(x), y=float(y)) for n, (x, y) in enumerate(draw.integers(0, 12, (80, 2)))]
    for x_mode, y_mode in (("min", "min"), ("max", "min"), ("min", "max"), ("max", "max")):
        signs = [1 if mode == "min" else -1 for mode in (x_mode, y_mode)]

        def beats(other: Point, one: Point, signs: list[int] = signs) -> bool:
            pairs = [(sign * a, sign * b) for sign, a, b in zip(signs, (other.x, other.y), (one.x, one.y), strict=True)]
            return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)

        slow = {one.name for one in points if not any(beats(other, one) for other in points)}
        front = front_of(points, Aim(name="x", mode=x_mode), Aim(name="y", mode=y_mode))
        assert {one.name for one in front} == slow
        assert [(one.x, one.y) for one in front] == sorted((one.x, one.y) for one in front)


def test_few_trials_say_nothing(tmp_path: Path) -> None:
    assert importance_pictures(findings(tmp_path, count=5), Studio()) == []


def test_of_one_objective_discrimination_and_calibration_are_traded(tmp_path: Path) -> None:
    (picture,) = front_pictures(findings(tmp_path), Studio())
    assert "ECE on val against AUROC on val" in picture.label


def test_of_several_objectives_these_are(tmp_path: Path) -> None:
    both = (Objective(metric="val/nll", mode="min"), Objective(metric="val/ece", mode="min"))
    (picture,) = front_pictures(replace(findings(tmp_path), objectives=both), Studio())
    assert "against NLL" in picture.label
