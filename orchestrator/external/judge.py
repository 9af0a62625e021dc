"""Metrics of networks and ensembles on external images, before and after the calibration that the sweep has stored."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator.external.calibration import laplace_tasks, load_stored_posterior, stored_temperature
from orchestrator.external.chosen import Chosen
from orchestrator.external.evaluation import EvaluatedRow
from orchestrator.external.passes import load_features, load_predictions
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store

if TYPE_CHECKING:
    from trainables.multilabel import AnyPredictions

UNCALIBRATED, TEMPERATURE = "uncalibrated", "temperature"


class Judge:
    """Turns stored passes into rows.

    Args:
        store, ledger: of the sweep.
        passes: key of the pass by key of the network.
        classes: names in the order of the logits.
    """

    def __init__(self, store: Store, ledger: Ledger, passes: Mapping[str, str], classes: Sequence[str]) -> None:
        self._store = store
        self._ledger = ledger
        self._passes = passes
        self._classes = classes

    def row(self, chosen: Chosen) -> EvaluatedRow:
        """The metrics of a network (with its Laplace posteriors) or of an ensemble."""
        from trainables.posthoc.temperature import apply_temperature

        predictions = self._predictions(chosen)
        temperature = stored_temperature(self._store, chosen)
        stages: dict[str, AnyPredictions] = {
            UNCALIBRATED: predictions,
            TEMPERATURE: apply_temperature(predictions, temperature),
        }
        if chosen.kind != "ensemble":
            stages |= self._laplace(chosen.key, predictions)
        metrics = {name: value for stage, each in stages.items() for name, value in self._metrics(stage, each).items()}
        return EvaluatedRow(
            key=chosen.key,
            kind=chosen.kind,
            name=chosen.name,
            n=len(predictions),
            temperature=temperature,
            metrics=metrics,
            members=chosen.members if chosen.kind == "ensemble" else (),
        )

    def _predictions(self, chosen: Chosen) -> AnyPredictions:
        """Logits of a network, or the pooled ones of an ensemble, members sorted by key as when it was formed."""
        from trainables.predictions import join_members

        members = [load_predictions(self._store, self._passes[key]) for key in sorted(chosen.members)]
        return members[0] if chosen.kind != "ensemble" else join_members(members).pooled()

    def _laplace(self, network: str, like: AnyPredictions) -> dict[str, AnyPredictions]:
        from trainables.posthoc.posterior import laplace_predictions

        tasks = laplace_tasks(self._store, self._ledger, network)
        features = load_features(self._store, self._passes[network]) if tasks else None
        found: dict[str, AnyPredictions] = {}
        for task, key in tasks:
            assert features is not None
            found[task.name] = laplace_predictions(task, load_stored_posterior(self._store, key), features, like)
        return found

    def _metrics(self, stage: str, predictions: AnyPredictions) -> dict[str, float | None]:
        from trainables.metrics import evaluate_fully, prefixed

        values = prefixed(stage, evaluate_fully(predictions, self._classes))
        return {name: value if value is None or math.isfinite(value) else None for name, value in values.items()}
