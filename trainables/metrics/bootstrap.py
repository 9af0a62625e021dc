"""How sure a number is: percentile bootstrap over patients, alone and in pairs (Efron 1979), and spread over seeds.

Images of one patient are not independent, so whole patients are drawn. The interval says what another test set of the same
kind might give; it says nothing about another training, which is what several seeds are for.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.metrics.calibration import BINS
from trainables.metrics.weighted import weighted_headline
from trainables.multilabel import AnyPredictions
from trainables.predictions import require_same_images

RESAMPLES = 1000
LEVEL = 0.95
MOST_WEIGHTS = 4_000_000
"""Numbers of a block of weights: memory stays at some hundred MB for any number of images."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A number with its 95 % interval.

    Attributes:
        value: on the images as they are.
        low, high: quantiles over the resamples in which the number is defined.
    """

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside: of a difference, whether it is more than chance."""
        return self.low > 0 or self.high < 0


def headline_intervals(
    predictions: AnyPredictions,
    groups: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    bins: int = BINS,
) -> dict[str, Interval]:
    """Intervals of the headline and the mean AUROC; a metric that is not defined is left out.

    Args:
        predictions: of one network or an ensemble.
        groups: [images], what is drawn together: the patient, or the image itself.
        resamples: how often as many groups are drawn, with replacement, as there are.
        seed: of the draws; the same groups and seed give the same draws.
        bins: of the calibration error.

    Raises:
        ValueError: another number of groups than of images.
    """

    def measure(weights: Tensor) -> dict[str, Tensor]:
        return weighted_headline(predictions, weights, bins)

    return intervals_of(measure, predictions, groups, resamples, seed)


def paired_intervals(
    one: AnyPredictions,
    other: AnyPredictions,
    groups: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    bins: int = BINS,
) -> dict[str, Interval]:
    """Intervals of `one` less `other`, both judged on every resample: narrower than the two intervals suggest.

    Args:
        one: predictions.
        other: of the same images in the same order.
        groups: [images], what is drawn together.
        resamples: how often.
        seed: of the draws.
        bins: of the calibration error.

    Raises:
        ValueError: other images, another order or truth, or another number of groups than of images.
    """
    require_same_images(one, other)

    def measure(weights: Tensor) -> dict[str, Tensor]:
        ours, theirs = weighted_headline(one, weights, bins), weighted_headline(other, weights, bins)
        return {name: ours[name] - theirs[name] for name in ours}

    return intervals_of(measure, one, groups, resamples, seed)


def drawn_weights(groups: Sequence[str], resamples: int, seed: int) -> Iterator[Tensor]:
    """How often each image is drawn, in blocks of [resamples, images].

    Args:
        groups: [images]; their order changes which draw is which, and nothing else.
        resamples: in all blocks together.
        seed: of the draws.
    """
    names = {name: n for n, name in enumerate(sorted(set(groups)))}
    place = torch.tensor([names[name] for name in groups])
    generator = torch.Generator().manual_seed(seed)
    block = max(1, MOST_WEIGHTS // max(len(groups), 1))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = torch.randint(len(names), (size, len(names)), generator=generator)
        counts = torch.zeros(size, len(names), dtype=torch.float64)
        yield counts.scatter_add_(1, drawn, torch.ones_like(counts))[:, place]


def mean_and_error(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean over seeds, and its standard error s / sqrt(n) with n - 1 in s; None for a single seed.

    Raises:
        ValueError: no value.
    """
    if not values:
        raise ValueError("mean_and_error() got no values. Pass the metric of one seed at least.")
    if len(values) == 1:
        return values[0], None
    return statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))


def intervals_of(
    measure: Callable[[Tensor], Mapping[str, Tensor]],
    predictions: AnyPredictions,
    groups: Sequence[str],
    resamples: int,
    seed: int,
) -> dict[str, Interval]:
    """Intervals of whatever is measured under weights.

    Args:
        measure: weights [weightings, images] to metrics [weightings] by name; NaN where one is not defined.
        predictions: of the images.
        groups: [images], what is drawn together.
        resamples: how often.
        seed: of the draws.
    """
    if len(groups) != len(predictions):
        raise ValueError(
            f"A bootstrap was given {len(groups)} groups for predictions of {len(predictions)} images. Pass one an image, "
            "such as its patient."
        )
    plain = measure(torch.ones(1, len(predictions), dtype=torch.float64))
    blocks = [measure(weights) for weights in drawn_weights(groups, resamples, seed)]
    ends = torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2], dtype=torch.float64)
    found = {}
    for name, value in plain.items():
        drawn = torch.cat([block[name] for block in blocks])
        if not math.isnan(float(value)) and bool((~drawn.isnan()).any()):
            low, high = drawn.nanquantile(ends).tolist()
            found[name] = Interval(value=float(value), low=low, high=high)
    return found
