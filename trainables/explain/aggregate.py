"""Maps of several members as one, and how sure they are of it (paper P1, and what P0 left open)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from trainables.explain.regions import Regions

Aggregation = Literal["mean", "intersection", "union", "median"]
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)
TOP = 0.2


def scaled(maps: Tensor) -> Tensor:
    """Maps [..., rows, columns] from 0 to 1 each, as P1 has them before it aggregates; a flat map is 0 everywhere."""
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    spread = high - low
    return torch.where(
        spread > 0, (maps - low) / spread.clamp_min(torch.finfo(maps.dtype).tiny), torch.zeros_like(maps)
    )


def aggregate(maps: Tensor, how: Aggregation | float) -> Tensor:
    """One map an image from those of the members, pixel by pixel, [images, rows, columns].

    Args:
        maps: [members, images, rows, columns], scaled alike (see `scaled`).
        how: `mean`, `intersection` (the minimum: what all members see), `union` (the maximum: what any member sees),
            `median`, or a percentile from 0 to 100.

    Raises:
        ValueError: no members, or no such aggregation.
    """
    if maps.ndim != 4 or not len(maps):
        raise ValueError(f"aggregate() wants maps[members, images, rows, columns], got {tuple(maps.shape)}.")
    match how:
        case "mean":
            return maps.mean(0)
        case "intersection":
            return maps.amin(0)
        case "union":
            return maps.amax(0)
        case "median":
            return maps.quantile(0.5, dim=0)
        case float() | int() if 0 <= how <= 100:
            return maps.quantile(how / 100, dim=0)
    raise ValueError(f"aggregate() knows {', '.join(AGGREGATIONS)} and percentiles from 0 to 100, and got {how!r}.")


@dataclass(frozen=True, kw_only=True, eq=False)
class Agreement:
    """How much members agree on a map.

    Attributes:
        deviation: [images, rows, columns], standard deviation over the members.
        agreement: [images, rows, columns], share of the members that count the pixel among their own top fifth.
        correlation: [images], mean Spearman correlation of two members' maps, of those that are not flat; NaN where fewer
            than two are, 1 with a single member.
    """

    deviation: Tensor
    agreement: Tensor
    correlation: Tensor


def agreement(maps: Tensor) -> Agreement:
    """Agreement of members about [members, images, rows, columns]; with one member there is nothing to disagree on."""
    members = len(maps)
    flat = maps.flatten(2)
    limit = flat.quantile(1 - TOP, dim=2, keepdim=True)
    top = ((flat >= limit) & (flat > flat.amin(2, keepdim=True))).to(maps.dtype).mean(0).reshape(maps.shape[1:])
    deviation = maps.std(0, correction=0)
    if members == 1:
        return Agreement(deviation=deviation, agreement=top, correlation=torch.ones(maps.shape[1], dtype=torch.float64))
    ranks = average_ranks(flat)
    centred = ranks - ranks.mean(2, keepdim=True)
    length = centred.norm(dim=2, keepdim=True)
    unit = torch.where(length > 0, centred / length.clamp_min(1e-12), torch.zeros_like(centred))
    total = unit.sum(0).square().sum(1) - unit.square().sum((0, 2))
    pairs = (count := (~is_flat(maps)).double().sum(0)) * (count - 1)
    defined = torch.where(pairs > 0, total / pairs.clamp_min(1), torch.nan)
    return Agreement(deviation=deviation, agreement=top, correlation=defined)


def is_flat(maps: Tensor) -> Tensor:
    """Whether a map has one value everywhere, so that nothing can be ranked, [..., rows, columns] to [...]."""
    return maps.amax((-2, -1)) == maps.amin((-2, -1))


def average_ranks(values: Tensor) -> Tensor:
    """Ranks from 1 along the last dimension, equal values sharing the mean of theirs, in double precision."""
    ordered, order = values.sort(dim=-1)
    place = torch.arange(1, values.shape[-1] + 1, dtype=torch.float64, device=values.device).expand(values.shape)
    lowest = torch.searchsorted(ordered.contiguous(), ordered.contiguous(), right=False)
    highest = torch.searchsorted(ordered.contiguous(), ordered.contiguous(), right=True)
    mean = (place.gather(-1, lowest) + place.gather(-1, highest - 1)) / 2
    return torch.zeros_like(mean).scatter(-1, order, mean)


@dataclass(frozen=True, kw_only=True, eq=False)
class RegionCertainty:
    """How sure the members are of which regions matter more (the question that P0 left open).

    Attributes:
        outranks: [images, regions, regions], share of the members for which region i has more relevance than region j,
            equal relevance counted half.
        low, median, high: [images, regions], 95 % interval and middle of a region's share of the relevance.
        regions: the grid.
    """

    outranks: Tensor
    low: Tensor
    median: Tensor
    high: Tensor
    regions: Regions


def region_certainty(maps: Tensor, regions: Regions) -> RegionCertainty:
    """Certainty about regions from members' maps.

    A region's share is its part of the map's sum, so that members with larger maps count no more than others. Intervals are
    quantiles over the members: with few of them they are coarse, and with one they have no width.

    Args:
        maps: [members, images, rows, columns], non-negative.
        regions: the grid of the image that the maps are of.
    """
    members, images = maps.shape[:2]
    relevance = regions.relevance(maps.flatten(0, 1)).double().reshape(members, images, -1)
    share = relevance / relevance.sum(2, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)
    outranks = torch.zeros(images, share.shape[2], share.shape[2], dtype=torch.float64)
    for each in share:
        difference = each[:, :, None] - each[:, None, :]
        outranks += (difference > 0).double() + 0.5 * (difference == 0).double()
    low, median, high = share.quantile(torch.tensor([0.025, 0.5, 0.975], dtype=torch.float64), dim=0)
    return RegionCertainty(outranks=outranks / members, low=low, median=median, high=high, regions=regions)
