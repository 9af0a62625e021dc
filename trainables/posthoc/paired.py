"""How much better one prediction is than another on the same images, with a paired bootstrap interval.

Both are judged on the same resamples of patients (or studies, or images), so that what they share cancels (Efron and
Tibshirani 1993, chapter 16).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from trainables.metrics import BINS
from trainables.metrics.multilabel import entry_losses, predicted_labels
from trainables.multilabel import AnyPredictions, MultiLabelPredictions
from trainables.predictions import require_same_images

RESAMPLES = 1000
LEAST_GROUPS = 10
AT_ONCE = 4_000_000
"""Numbers of one block of resamples, 32 MB of doubles."""

Statistic: TypeAlias = Callable[[Tensor], Tensor]
"""From how often each image was drawn, [resamples, images] in double precision, to its value on each, [resamples]."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A difference on all images and its 95 % percentile interval; without an interval where groups are too few."""

    value: float
    low: float | None
    high: float | None


def paired_difference(
    one: Statistic, other: Statistic, groups: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
) -> Difference | None:
    """Difference of two statistics, one less other, on all images and on resamples of the groups.

    Args:
        one: a statistic; NaN where it is not defined on a resample, which is then left out.
        other: a statistic of the same images.
        groups: of each image: what is drawn together, such as its patient. At least 10 of them give an interval.
        resamples: how many.
        seed: of the draws.

    Returns:
        None where the difference is not defined on all images.
    """
    whole = torch.ones(1, len(groups), dtype=torch.float64)
    value = float((one(whole) - other(whole))[0])
    if value != value:
        return None
    if len(set(groups)) < LEAST_GROUPS:
        return Difference(value=value, low=None, high=None)
    drawn = torch.cat([one(weights) - other(weights) for weights in resampled(groups, resamples, seed)])
    low, high = torch.nanquantile(drawn, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Difference(value=value, low=low, high=high)


def resampled(groups: Sequence[str], resamples: int, seed: int) -> Iterator[Tensor]:
    """Blocks of resamples [block, images]: how often each image was drawn when as many groups are drawn as there are."""
    names = {name: n for n, name in enumerate(dict.fromkeys(groups))}
    place = torch.tensor([names[name] for name in groups])
    generator = torch.Generator().manual_seed(seed)
    block = max(1, AT_ONCE // len(place))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = torch.randint(len(names), (rows, len(names)), generator=generator)
        ones = torch.ones(drawn.shape, dtype=torch.float64)
        yield torch.zeros(rows, len(names), dtype=torch.float64).scatter_add_(1, drawn, ones)[:, place]


def improvements(
    one: AnyPredictions, other: AnyPredictions, groups: Sequence[str], *, ranks: bool = True
) -> dict[str, float | None]:
    """How much better `one` is, above 0 in every metric: NLL and calibration error are other - one.

    Args:
        one: what is better or not.
        other: predictions about the same images.
        groups: see `paired_difference`.
        ranks: also accuracy and AUROC, which a temperature leaves as they are.

    Returns:
        `accuracy_gain`, `auroc_gain`, `nll_gain`, `ece_gain`, each also with `/low` and `/high`.

    Raises:
        ValueError: other images, or the same in another order.
    """
    require_same_images(one, other)
    ours, theirs = statistics_of(one), statistics_of(other)
    found: dict[str, float | None] = {}
    for name in ours if ranks else ("nll", "ece"):
        better, worse = (ours, theirs) if name in ("accuracy", "auroc") else (theirs, ours)
        difference = paired_difference(better[name], worse[name], groups)
        low, high = (difference.low, difference.high) if difference else (None, None)
        found |= {f"{name}_gain": difference.value if difference else None}
        found |= {f"{name}_gain/low": low, f"{name}_gain/high": high}
    return found


def statistics_of(predictions: AnyPredictions) -> dict[str, Statistic]:
    """Accuracy, AUROC, NLL and calibration error (15 bins) as functions of how often each image was drawn."""
    if isinstance(predictions, MultiLabelPredictions):
        return _of_labels(predictions)
    log_probs, targets = predictions.pooled_log_probs(), predictions.targets
    top, chosen = log_probs.max(dim=1)
    right, all_known = (chosen == targets).double()[:, None], torch.ones(len(targets), 1, dtype=torch.bool)
    truth = functional.one_hot(targets, log_probs.shape[1]).bool()
    return {
        "accuracy": _share(right, all_known),
        "auroc": _mean_auroc(log_probs, truth, torch.ones_like(truth)),
        "nll": _share(-log_probs.gather(1, targets[:, None]), all_known),
        "ece": _mean_error(top.exp()[:, None], right, all_known),
    }


def _of_labels(predictions: MultiLabelPredictions) -> dict[str, Statistic]:
    known, scores = predictions.known(), predictions.pooled_log_odds()
    targets = predictions.targets.double().nan_to_num(0.0)
    right = predicted_labels(predictions) == (targets > 0.5)
    return {
        "accuracy": _share(right.double(), known),
        "auroc": _mean_auroc(scores, targets > 0.5, known),
        "nll": _share(entry_losses(scores, targets), known),
        "ece": _mean_error(scores.sigmoid(), targets, known),
    }


def _share(values: Tensor, known: Tensor) -> Statistic:
    """Mean over the known entries, from [images, columns]."""
    sums, sizes = (values * known).sum(1), known.sum(1).double()
    return lambda weights: (weights @ sums) / (weights @ sizes)


def _mean_error(confidence: Tensor, right: Tensor, known: Tensor) -> Statistic:
    """Mean over columns of the calibration error; in a bin, |right - confident| of the drawn images over all of them."""
    images, columns = confidence.shape
    bins = torch.bucketize(confidence.contiguous(), torch.linspace(0, 1, BINS + 1, dtype=torch.float64)[1:-1])
    gaps = torch.zeros(images, columns, BINS, dtype=torch.float64)
    gaps.scatter_(2, bins[:, :, None], ((right - confidence) * known)[:, :, None])
    sizes = known.double()

    def statistic(weights: Tensor) -> Tensor:
        sums = (weights @ gaps.flatten(1)).reshape(-1, columns, BINS).abs().sum(2)
        return (sums / (weights @ sizes)).nanmean(1)

    return statistic


def _mean_auroc(scores: Tensor, positive: Tensor, known: Tensor) -> Statistic:
    """Mean over columns, where it is defined, of the area under the ROC curve; see `_auroc`."""
    columns = [_auroc(scores[:, n], positive[:, n] & known[:, n], known[:, n]) for n in range(scores.shape[1])]
    return lambda weights: torch.stack([column(weights) for column in columns]).nanmean(0)


def _auroc(scores: Tensor, positive: Tensor, known: Tensor) -> Statistic:
    """Probability that a drawn positive image has the larger score than a drawn negative one, ties counting half."""
    rows = known.nonzero()[:, 0]
    order = rows[scores[rows].argsort()]
    _, place = torch.unique_consecutive(scores[order], return_inverse=True)
    groups = int(place.max()) + 1 if len(place) else 0
    is_positive = positive[order].double()

    def statistic(weights: Tensor) -> Tensor:
        drawn = weights[:, order]
        above, below = drawn * is_positive, drawn * (1 - is_positive)
        if groups < len(order):  # images of equal score stand together
            empty = torch.zeros(len(drawn), groups, dtype=torch.float64)
            above, below = empty.index_add(1, place, above), empty.index_add(1, place, below)
        pairs = (above * (below.cumsum(1) - below / 2)).sum(1)
        return pairs / (above.sum(1) * below.sum(1))  # NaN where one of them is absent

    return statistic
