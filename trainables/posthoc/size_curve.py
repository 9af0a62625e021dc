"""Quality of an ensemble by its size: random subsets of the members, as in paper P1, Table 1."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from trainables.metrics import headline, mean_defined, reliability
from trainables.metrics.multilabel import label_errors
from trainables.multilabel import AnyPredictions, MultiLabelPredictions
from trainables.posthoc.pooling import from_outcomes, outcomes
from trainables.posthoc.temperature import apply_temperature, fit_temperature
from trainables.spec import SplitName

COARSE = 5
"""Bins of the second calibration error: paper P1's own."""
SHOWN = ("accuracy", "macro_f1", "auroc", "nll", "brier", "ece", "ece_5_bins")
MOST_BYTES = 256 * 2**20
"""Running sums held at a time; members are read again for every further block of subsets."""

Read: TypeAlias = Callable[[int, SplitName], AnyPredictions]
"""Predictions of a member, by its place, on a split."""


@dataclass(frozen=True, kw_only=True)
class SizeCurve:
    """What subsets reach.

    Attributes:
        metrics: `size_5/test/ece` (the mean over subsets), `.../sd`, `.../se`, and `size_5/temperature/test/...`.
        tensors: `sizes` [sizes], and `sizes/<metric>` and `sizes/temperature/<metric>` [sizes, draws], NaN where a size has
            fewer subsets.
    """

    metrics: Mapping[str, float | None]
    tensors: Mapping[str, Tensor]


def size_curve(
    members: int, read: Read, sizes: Sequence[int], draws: int, seed: int, calibration: SplitName
) -> SizeCurve:
    """Pool random subsets of each size, fit a temperature for each, judge them on test.

    Subsets of one size are distinct, and all there are where they are no more than `draws`: then one of all members. The
    spread is the standard deviation over subsets (what P1 prints), and SE = sd / sqrt(subsets). Subsets share members, so
    both say how much the choice of members matters, not how much another test set would.

    Args:
        members: how many there are.
        read: gives their predictions, one at a time.
        sizes: members of a subset; sizes beyond `members` are left out.
        draws: subsets of each size at most.
        seed: of the subsets.
        calibration: split on which temperatures are fitted.
    """
    kept = [size for size in dict.fromkeys(sizes) if size <= members]
    subsets = {size: random_subsets(members, size, draws, seed) for size in kept}
    flat = [subset for size in kept for subset in subsets[size]]
    judged = list(_judged(members, read, flat, calibration))
    metrics: dict[str, float | None] = {}
    by_name: dict[str, list[Tensor]] = {}
    for size in kept:
        own, judged = judged[: len(subsets[size])], judged[len(subsets[size]) :]
        for name in own[0]:
            stage, metric = name.rsplit("/", 1)
            values = torch.tensor([math.nan if each[name] is None else each[name] for each in own], dtype=torch.float64)
            metrics |= {f"size_{size}/{stage}/{metric}{end}": value for end, value in spread(values).items()}
            padded = torch.full((draws,), math.nan, dtype=torch.float64)
            padded[: len(values)] = values
            by_name.setdefault(f"sizes/{name.replace('test/', '')}", []).append(padded)
    tensors = {"sizes": torch.tensor(kept), **{name: torch.stack(rows) for name, rows in by_name.items()}}
    return SizeCurve(metrics=metrics, tensors=tensors if kept else {})


def random_subsets(members: int, size: int, draws: int, seed: int) -> list[tuple[int, ...]]:
    """Distinct subsets, drawn without replacement; all of them where there are no more than `draws`."""
    if math.comb(members, size) <= draws:
        return list(itertools.combinations(range(members), size))
    generator = torch.Generator().manual_seed(seed * 1000 + size)
    found: dict[tuple[int, ...], None] = {}
    while len(found) < draws:
        order = torch.randperm(members, generator=generator)
        found[tuple(sorted(order[:size].tolist()))] = None
    return list(found)


def spread(values: Tensor) -> dict[str, float | None]:
    """Mean, standard deviation and standard error of values [subsets]; the latter two None for a single subset."""
    count, mean = len(values), float(values.mean())
    if count < 2:
        return {"": mean, "/sd": None, "/se": None}
    deviation = float(values.std())
    return {"": mean, "/sd": deviation, "/se": deviation / math.sqrt(count)}


def _judged(
    members: int, read: Read, subsets: Sequence[tuple[int, ...]], calibration: SplitName
) -> list[dict[str, float | None]]:
    """The metrics of every subset, a block of subsets at a time."""
    if not subsets:
        return []
    like: dict[SplitName, AnyPredictions] = {split: read(0, split) for split in (calibration, "test")}
    values = sum(outcomes(each).numel() for each in like.values())
    block = max(1, MOST_BYTES // (8 * values))
    found = []
    for start in range(0, len(subsets), block):
        some = subsets[start : start + block]
        pooled = {split: _pooled(members, read, some, split) for split in like}
        for place, subset in enumerate(some):
            of_subset = {
                split: from_outcomes(like[split], sums[place] - math.log(len(subset))) for split, sums in pooled.items()
            }
            calibrated = apply_temperature(of_subset["test"], fit_temperature(of_subset[calibration]))
            found.append(_metrics("test", of_subset["test"]) | _metrics("temperature/test", calibrated))
    return found


def _pooled(members: int, read: Read, subsets: Sequence[tuple[int, ...]], split: SplitName) -> Tensor:
    """Log of the summed probabilities, [subsets, images, ...]; each member is read once and goes to all its subsets."""
    sums = torch.empty(0)
    for member in range(members):
        log_probs = outcomes(read(member, split))
        if not len(sums):
            sums = torch.full((len(subsets), *log_probs.shape), -math.inf, dtype=torch.float64)
        for place, subset in enumerate(subsets):
            if member in subset:
                torch.logaddexp(sums[place], log_probs, out=sums[place])
    return sums


def _metrics(stage: str, predictions: AnyPredictions) -> dict[str, float | None]:
    values = headline(predictions)
    if isinstance(predictions, MultiLabelPredictions):
        values["ece_5_bins"] = mean_defined(label_errors(predictions, COARSE))
    else:
        values["ece_5_bins"] = reliability(predictions, COARSE).calibration_error()
    return {f"{stage}/{name}": values[name] for name in SHOWN if name in values}
