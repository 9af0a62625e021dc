"""How sure a number on test is: percentile bootstrap over patients, since images of one patient are not independent."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.report.findings import Findings
from orchestrator.report.text import plural
from orchestrator.results import ResultRow

RESAMPLES = 2000
LEAST_GROUPS = 10


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A 95 % interval, and what was resampled (`60 patients`)."""

    low: float
    high: float
    units: str


def accuracy_interval(findings: Findings, row: ResultRow) -> Interval | None:
    """Interval of the accuracy on test; None where predictions or groups are missing, or groups are too few.

    Of labels, all known ones of a group are drawn together.
    """
    import numpy as np

    from trainables.metrics import right_of_known

    predictions = findings.predictions(row.key, "test")
    network = row.members[0] if row.members else row.key
    table = findings.table(findings.meta(network).get("data", ""))
    if predictions is None or not table:
        return None
    group_of = dict(zip(table["ids"], table["groups"], strict=True))
    _, place = np.unique([group_of[name] for name in predictions.image_ids], return_inverse=True)
    right, known = right_of_known(predictions)
    hits, sizes = np.bincount(place, weights=right.numpy()), np.bincount(place, weights=known.numpy())
    hits, sizes = hits[sizes > 0], sizes[sizes > 0]
    if len(sizes) < LEAST_GROUPS:
        return None
    drawn = np.random.default_rng(0).integers(0, len(sizes), (RESAMPLES, len(sizes)))
    low, high = np.quantile(hits[drawn].sum(1) / sizes[drawn].sum(1), (0.025, 0.975))
    noun = "patient" if table["patients_known"] else "group"
    return Interval(low=float(low), high=float(high), units=plural(len(sizes), noun))
