"""Does a ranking of networks by their maps survive other perturbations? From the results of `AopcStability` (paper P3)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.figures.words import task_label
from orchestrator.report.text import number_text, plural
from orchestrator.results import ResultRow

KIND = "aopc_stability"
GAIN = "aopc_gain"
USUAL = "noise_0.1_"
"""How the variants begin that are P3's perturbation."""


@dataclass(frozen=True, kw_only=True)
class Rankings:
    """Networks ranked under every variant of one task.

    Attributes:
        task: its name.
        split: where images come from.
        gains: variant to network to AOPC over random order; networks with a number under every variant only.
        reference: the variant that others are compared with: P3's noise on the first grid, else the first variant.
    """

    task: str
    split: str
    gains: Mapping[str, Mapping[str, float]]
    reference: str

    def ranked(self, variant: str) -> list[str]:
        """Networks under a variant, the largest gain first."""
        gains = self.gains[variant]
        return sorted(gains, key=lambda name: -gains[name])

    def tau(self, one: str, other: str) -> float | None:
        """Kendall's tau between the rankings under two variants, see `kendall_tau`."""
        names = list(self.gains[one])
        return kendall_tau([self.gains[one][name] for name in names], [self.gains[other][name] for name in names])


@dataclass(frozen=True, kw_only=True)
class StabilityTable:
    """One task in the report: a line a variant with its label, Kendall's tau to the reference, and the ranking."""

    title: str
    sentence: str
    lines: tuple[tuple[str, str, str], ...]


def rankings(rows: Sequence[ResultRow]) -> list[Rankings]:
    """Rankings of every such task and split with two networks or more."""
    by_task: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    for row in rows:
        for name, value in row.metrics.items():
            parts = name.split("/")
            if len(parts) == 4 and parts[0].startswith(KIND) and parts[3] == GAIN and value is not None:
                task, variant, split, _ = parts
                by_task.setdefault((task, split), {}).setdefault(variant, {})[row.name] = value
    found = []
    for (task, split), gains in by_task.items():
        everywhere = set.intersection(*(set(each) for each in gains.values()))
        kept = {
            variant: {name: value for name, value in each.items() if name in everywhere}
            for variant, each in gains.items()
        }
        if len(everywhere) > 1:
            reference = next((name for name in kept if name.startswith(USUAL)), next(iter(kept)))
            found.append(Rankings(task=task, split=split, gains=kept, reference=reference))
    return found


def kendall_tau(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Kendall's tau-b of two lists of values of the same networks; None where all values of one are equal.

    1 is the same ranking, -1 the opposite one, 0 neither; of two networks there is nothing between 1 and -1.
    """
    from scipy.stats import kendalltau

    value = float(kendalltau(one, other).statistic)
    return None if math.isnan(value) else value


def stability_tables(rows: Sequence[ResultRow]) -> list[StabilityTable]:
    """What the report shows of them."""
    return [
        StabilityTable(
            title=f"{task_label(each.task)}, on {each.split}",
            sentence=_sentence(each),
            lines=tuple(
                (variant_label(variant), number_text(each.tau(each.reference, variant), 2), _ranking(each, variant))
                for variant in each.gains
            ),
        )
        for each in rankings(rows)
    ]


def variant_label(variant: str) -> str:
    """`noise_0.1_cells_8` as `noise 0.1, 8 × 8 regions`."""
    how, _, cells = variant.partition("_cells_")
    return f"{how.replace('_', ' ')}, {cells} × {cells} regions"


def _ranking(of: Rankings, variant: str) -> str:
    gains = of.gains[variant]
    return " > ".join(f"{name} ({number_text(gains[name], 3)})" for name in of.ranked(variant))


def _sentence(of: Rankings) -> str:
    others = [variant for variant in of.gains if variant != of.reference]
    taus = [tau for variant in others if (tau := of.tau(of.reference, variant)) is not None]
    first = of.ranked(of.reference)[0]
    stays = sum(of.ranked(variant)[0] == first for variant in others)
    start = f"{plural(len(of.gains[of.reference]), 'network')} ranked by AOPC over random order on the same images."
    if not taus:
        return f"{start} There is no second ranking to compare with."
    return (
        f"{start} To the ranking under {variant_label(of.reference)}, the others have a Kendall's τ of "
        f"{number_text(sum(taus) / len(taus), 2)} in the mean and {number_text(min(taus), 2)} at least; {first} stays first "
        f"under {stays} of {plural(len(others), 'other variant')}. Differences within the intervals of the gains say little."
    )
