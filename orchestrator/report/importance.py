"""Which parameters moved the objective, by functional ANOVA; kept in the storage's cache, since a forest takes seconds to grow."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from orchestrator.report.findings import Findings
from orchestrator.storage.files import replace
from search_spaces.objective import Objective

if TYPE_CHECKING:
    import optuna

LEAST_TRIALS, MOST_TRIALS, TREES = 6, 250, 24
"""Fewer draws say nothing about importance; of more, evenly spaced ones are enough and are done in a second or two."""
Draw: TypeAlias = "tuple[dict[str, object], dict[str, str], float]"


def importance(findings: Findings, objective: Objective) -> dict[str, float]:
    """Share of the objective's variation by parameter (Hutter, Hoos and Leyton-Brown 2014, as Optuna computes it).

    Empty where there are too few trials, where all values are the same, or where no parameter is in all trials.
    """
    draws = _draws(findings, objective)
    if len(draws) < LEAST_TRIALS:
        return {}
    draws = draws[:: -(-len(draws) // MOST_TRIALS)]
    digest = hashlib.sha256(json.dumps([draws, TREES, objective.mode], default=str).encode()).hexdigest()
    kept = findings.store.local / "cache" / f"importance-{findings.name}.json"
    known = _known(kept, digest)
    if known is None:
        known = _computed(draws, objective)
        with contextlib.suppress(OSError):  # a storage that can only be read
            kept.parent.mkdir(parents=True, exist_ok=True)
            replace(kept, json.dumps({"of": digest, "shares": known}))
    return known


def _draws(findings: Findings, objective: Objective) -> list[Draw]:
    distributions = {row.name: row.distributions for row in findings.rows}
    return [
        (dict(row.params), dict(distributions[row.name]), value)
        for row in findings.results
        if row.kind == "trial" and row.state == "completed"
        if (value := row.metrics.get(objective.metric)) is not None and math.isfinite(value)
    ]


def _computed(draws: list[Draw], objective: Objective) -> dict[str, float]:
    import optuna

    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=TREES, seed=0)
    try:
        return dict(optuna.importance.get_param_importances(_study(draws, objective), evaluator=evaluator))
    except (ValueError, RuntimeError):  # every value is the same, or no parameter is in all trials
        return {}


def _study(draws: list[Draw], objective: Objective) -> optuna.Study:
    import optuna
    from optuna.distributions import json_to_distribution
    from optuna.trial import create_trial

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize" if objective.mode == "min" else "maximize")
    for params, distributions, value in draws:
        known = {name: json_to_distribution(text) for name, text in distributions.items()}
        study.add_trial(create_trial(params=params, distributions=known, value=value))
    return study


def _known(kept: Path, digest: str) -> dict[str, float] | None:
    try:
        found = json.loads(kept.read_text("utf-8"))
        return dict(found["shares"]) if found["of"] == digest else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
