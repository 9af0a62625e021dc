"""The members that an ensemble is made of, the best of them, and what they are compared by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trainables.posthoc.interface import KnowsPatients, TrainedNetwork
from trainables.posthoc.selection import (
    Library,
    Selection,
    best_place,
    metric_value,
    select_diverse,
    select_greedy,
)
from trainables.spec import Ensemble, SplitName

CHOSEN_ON_VAL = (
    "Members were selected on val, which also chose the epoch of each candidate, so that numbers on val flatter this "
    "ensemble; test took no part."
)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The members with their weights.

    Attributes:
        members: network and how often it counts, in the order of keys.
        best: the single network that is best on val by the task's metric, of all that were given.
        details: for the manifest: `chosen` (key to count), and `selection`, a line a pick.
        remarks: for the report.
    """

    members: tuple[tuple[TrainedNetwork, int], ...]
    best: TrainedNetwork
    details: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def choose(task: Ensemble, ordered: Sequence[TrainedNetwork]) -> Choice:
    """All of the given networks, or of `greedy` and `diverse` those that the selection on val keeps.

    Args:
        task: its settings.
        ordered: networks sorted by key.
    """
    values = [metric_value(network.predictions("val"), task.metric) for network in ordered]
    best = ordered[best_place(values, task.metric)]
    remarks = (CHOSEN_ON_VAL,) if task.members != "seeds" else ()
    if not task.selects:
        return Choice(members=tuple((network, 1) for network in ordered), best=best, remarks=remarks)
    library = Library([network.predictions("val") for network in ordered], task.metric)
    if task.members == "greedy":
        selection = select_greedy(library, task.size)
    else:
        selection = select_diverse(library, task.size, task.diversity)
    counts = selection.counts
    return Choice(
        members=tuple((ordered[place], counts[place]) for place in sorted(counts)),
        best=best,
        details=_details(task, ordered, selection),
        remarks=remarks,
    )


def groups_of(network: TrainedNetwork, split: SplitName) -> tuple[tuple[str, ...], str]:
    """What is drawn together in a bootstrap, an entry an image, and what it is: patients, else studies, else images."""
    patients = network.patients(split) if isinstance(network, KnowsPatients) else None
    if patients is not None:
        return patients, "patients"
    studies = network.studies(split)
    return (studies, "studies") if studies is not None else (network.predictions(split).image_ids, "images")


def _details(task: Ensemble, ordered: Sequence[TrainedNetwork], selection: Selection) -> dict[str, Any]:
    lines = [
        {
            "added": ordered[place].key,
            f"val/{task.metric}": value,
            **({"mutual_information": spread} if task.members == "diverse" else {}),
            "kept": n < selection.kept,
        }
        for n, (place, value, spread) in enumerate(
            zip(selection.picks, selection.values, selection.diversity, strict=True)
        )
    ]
    counts = selection.counts
    chosen = {ordered[place].key: counts[place] for place in sorted(counts)}
    return {"chosen": chosen, "selection": lines, "candidates": len(ordered)}
