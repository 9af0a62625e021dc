"""Scores that take relevant parts of an image away, or leave nothing but them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.explain.outputs import Observed
from trainables.explain.perturbations import blurred
from trainables.explain.regions import Regions, most_relevant_first
from trainables.explain.road import pixels_by_relevance

STEPS = 20
SHARES = (1, 5, 10, 20, 50)
"""Percent of the regions, as DeYoung et al. have them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Curves:
    """Probabilities while pixels go or come, and the area under them.

    Attributes:
        deletion, insertion: [images, steps + 1].
    """

    deletion: Tensor
    insertion: Tensor

    @property
    def deletion_area(self) -> Tensor:
        """[images]; less is better: the probability falls early."""
        return area_under(self.deletion)

    @property
    def insertion_area(self) -> Tensor:
        """[images]; more is better: the probability comes back early."""
        return area_under(self.insertion)


def area_under(curve: Tensor) -> Tensor:
    """Area under curves [images, steps + 1] over the share of pixels from 0 to 1, by trapezoids."""
    return ((curve[:, 1:] + curve[:, :-1]) / 2).mean(1)


def deletion_insertion(
    observed: Observed, images: Tensor, maps: Tensor, classes: Tensor, *, steps: int = STEPS
) -> Curves:
    """Deletion and insertion (Petsiuk et al. 2018, RISE, section 4.3).

    Deletion replaces the most relevant pixels by the mean of the image, step by step until none is left; insertion puts them
    into the blurred image, as the paper does. (Its code deletes to zero after normalisation, the mean of the data set;
    black would be a marker on a radiograph.)

    Args:
        observed: the network.
        images: [images, 1, height, width] in [0, 1].
        maps: [images, rows, columns]; enlarged to the image, equal pixels ranked by their number.
        classes: [images], whose probability is followed.
        steps: after each an equal share of the pixels has changed.
    """
    order = pixels_by_relevance(images, maps)
    rank = order.argsort(dim=1).reshape(images.shape)
    empty = images.mean((2, 3), keepdim=True).expand_as(images)
    smooth = blurred(images)
    deletion, insertion = [], []
    for step in range(steps + 1):
        changed = rank < round(order.shape[1] * step / steps)
        deletion.append(observed.probabilities(torch.where(changed, empty, images), classes))
        insertion.append(observed.probabilities(torch.where(changed, images, smooth), classes))
    return Curves(deletion=torch.stack(deletion, dim=1), insertion=torch.stack(insertion, dim=1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Erased:
    """What the relevant regions are needed for, and what they are enough for.

    Attributes:
        shares: percent of the regions.
        comprehensiveness: [images, shares], `f(x) - f(x without them)`; more is better.
        sufficiency: [images, shares], `f(x) - f(them alone)`; less is better.
    """

    shares: tuple[int, ...]
    comprehensiveness: Tensor
    sufficiency: Tensor


def sufficiency_comprehensiveness(
    observed: Observed,
    images: Tensor,
    maps: Tensor,
    classes: Tensor,
    *,
    cells: int,
    shares: Sequence[int] = SHARES,
) -> Erased:
    """Sufficiency and comprehensiveness (DeYoung et al. 2020, ERASER, section 4), of regions in place of words.

    `ceil(k % of L)` most relevant regions are taken; whatever is taken away shows the mean of the image. The mean over the
    shares is what the paper calls AOPC of the two.

    Args:
        observed: the network.
        images: [images, 1, height, width] in [0, 1].
        maps: [images, rows, columns].
        classes: [images], whose probability is followed.
        cells: the image is cut into cells x cells regions.
        shares: percent of the regions.
    """
    height, width = images.shape[2:]
    regions = Regions.of(height=height, width=width, rows=cells, columns=cells)
    rank = most_relevant_first(regions.relevance(maps)).argsort(dim=1)
    rank_of_pixel = rank[:, regions.of_pixels()][:, None]
    empty = images.mean((2, 3), keepdim=True).expand_as(images)
    whole = observed.probabilities(images, classes)
    without, alone = [], []
    for share in shares:
        taken = rank_of_pixel < math.ceil(len(regions) * share / 100)
        without.append(whole - observed.probabilities(torch.where(taken, empty, images), classes))
        alone.append(whole - observed.probabilities(torch.where(taken, images, empty), classes))
    return Erased(
        shares=tuple(shares), comprehensiveness=torch.stack(without, dim=1), sufficiency=torch.stack(alone, dim=1)
    )
