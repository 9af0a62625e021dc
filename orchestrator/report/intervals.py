"""How sure a number on test is: percentile bootstrap over patients, since images of one patient are not independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.report.findings import Findings
from orchestrator.report.text import plural
from orchestrator.results import ResultRow

if TYPE_CHECKING:
    from torch import Tensor

    from trainables.metrics.bootstrap import Interval as Bootstrapped
    from trainables.multilabel import AnyPredictions

LEAST_GROUPS = 10
SHOWN = ("accuracy", "macro_f1", "auroc", "nll", "brier", "ece")


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A 95 % interval, and what was resampled (`60 patients`)."""

    low: float
    high: float
    units: str


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The intervals of one line.

    Attributes:
        title: what was judged.
        intervals: by metric; those that are not defined are left out.
        is_difference: whether the numbers are differences of two predictions of the same images.
    """

    title: str
    intervals: dict[str, Bootstrapped]
    is_difference: bool = False


def accuracy_interval(findings: Findings, row: ResultRow) -> Interval | None:
    """Interval of the accuracy on test; None where predictions or groups are missing, or groups are too few."""
    return accuracy_intervals(findings, [row]).get(row.key)


def accuracy_intervals(findings: Findings, rows: Sequence[ResultRow]) -> dict[str, Interval]:
    """The same of many networks and ensembles, by key; those on the same images are judged on the same draws, made once.

    Of labels, all known ones of a group are drawn together.
    """
    read = [(row, findings.predictions(row.key, "test")) for row in {row.key: row for row in rows}.values()]
    if all(predictions is None for _, predictions in read):
        return {}
    import torch

    from trainables.metrics import right_of_known

    alike: dict[tuple[str, ...], list[tuple[ResultRow, list[str], Tensor, Tensor]]] = {}
    for row, predictions in read:
        groups = groups_of(findings, row, predictions)
        if predictions is not None and groups is not None:
            right, known = (each.double() for each in right_of_known(predictions))
            alike.setdefault((*predictions.image_ids, "", *groups), []).append((row, groups, right, known))
    found: dict[str, Interval] = {}
    for judged in alike.values():
        right, known = torch.stack([each[2] for each in judged], 1), torch.stack([each[3] for each in judged], 1)
        low, high = _ends(judged[0][1], right, known)
        units = units_of(findings, judged[0][0], judged[0][1])
        for place, (row, *_) in enumerate(judged):
            if low[place] == low[place]:
                found[row.key] = Interval(low=low[place], high=high[place], units=units)
    return found


def _ends(groups: Sequence[str], right: Tensor, known: Tensor) -> tuple[list[float], list[float]]:
    """Lower and upper ends of the shares of right ones, [networks] each, from two times [images, networks]."""
    import torch

    from trainables.metrics.bootstrap import drawn_weights

    blocks = drawn_weights(groups, resamples_for(len(groups)), seed=0)
    shares = torch.cat([(weights @ right) / (weights @ known) for weights in blocks])
    low, high = shares.nanquantile(torch.tensor([0.025, 0.975], dtype=torch.float64), dim=0).tolist()
    return low, high


def resamples_for(images: int) -> int:
    """1,000; beyond 5,000 images 300, so that a report of a large data set is written in seconds."""
    return 1000 if images <= 5000 else 300


def groups_of(findings: Findings, row: ResultRow, predictions: AnyPredictions | None) -> list[str] | None:
    """Patient (or cluster of near-duplicates) of every image; None where not known or too few to be drawn from."""
    table = _table(findings, row)
    if predictions is None or not table:
        return None
    group_of = dict(zip(table["ids"], table["groups"], strict=True))
    groups = [group_of[name] for name in predictions.image_ids]
    return groups if len(set(groups)) >= LEAST_GROUPS else None


def units_of(findings: Findings, row: ResultRow, groups: Sequence[str]) -> str:
    """`60 patients`, or `60 groups` where nobody knows the patients."""
    noun = "patient" if _table(findings, row).get("patients_known") else "group"
    return plural(len(set(groups)), noun)


def judged_rows(findings: Findings) -> tuple[list[Judged], str]:
    """Headline of best network and best ensemble, before and after temperature, and the ensemble less the network.

    Returns:
        The lines, and what was drawn; no lines where predictions or groups are missing.
    """
    found, best, ensemble = _predictions(findings), findings.best, findings.best_ensemble
    groups = groups_of(findings, best, next(iter(found.values()))) if best is not None and found else None
    if best is None or groups is None:
        return [], ""
    from trainables.metrics.bootstrap import headline_intervals, paired_intervals

    resamples = resamples_for(len(groups))
    lines = [
        Judged(title=title, intervals=headline_intervals(each, groups, resamples=resamples))
        for title, each in found.items()
    ]
    if ensemble is not None:
        for stage in ("", ", after temperature"):
            pooled, single = found.get(ensemble.name + stage), found.get(best.name + stage)
            if pooled is not None and single is not None:
                title = f"{ensemble.name} less {best.name}{stage}"
                intervals = paired_intervals(pooled, single, groups, resamples=resamples)
                lines.append(Judged(title=title, intervals=intervals, is_difference=True))
    return lines, units_of(findings, best, groups)


def _predictions(findings: Findings) -> dict[str, AnyPredictions]:
    """By title; only what is in the store, and of the images of the best network."""
    wanted: list[tuple[str, str | None, str]] = []
    if (best := findings.best) is not None:
        wanted += [
            (best.name, best.key, "test"),
            (f"{best.name}, after temperature", best.results.get("temperature"), "test"),
        ]
    if (ensemble := findings.best_ensemble) is not None:
        wanted += [
            (ensemble.name, ensemble.key, "test"),
            (f"{ensemble.name}, after temperature", ensemble.key, "temperature/test"),
        ]
    read = {title: findings.predictions(key, split) for title, key, split in wanted}
    found = {title: each for title, each in read.items() if each is not None}
    first = next(iter(found.values()), None)
    return {title: each for title, each in found.items() if first is not None and each.image_ids == first.image_ids}


def _table(findings: Findings, row: ResultRow) -> dict[str, Any]:
    network = row.members[0] if row.members else row.key
    return findings.table(findings.meta(network).get("data", ""))
