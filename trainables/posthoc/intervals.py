"""How sure a mean over images is: percentile bootstrap over patients, studies or images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainables.posthoc.paired import LEAST_GROUPS, RESAMPLES, resampled


def mean_intervals(
    values: Tensor, groups: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[Tensor, Tensor] | None:
    """95 % intervals of the mean over images of each column, on the same resamples for all of them.

    Args:
        values: [images, columns].
        groups: of each image: what is drawn together, such as its patient.
        resamples: how many.
        seed: of the draws.

    Returns:
        Lower and upper ends, [columns] in double precision; None with fewer than 10 groups.
    """
    if len(set(groups)) < LEAST_GROUPS:
        return None
    doubles = values.double()
    drawn = torch.cat(
        [weights @ doubles / weights.sum(1, keepdim=True) for weights in resampled(groups, resamples, seed)]
    )
    low, high = drawn.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64), dim=0)
    return low, high


def mean_with_interval(name: str, values: Tensor, groups: Sequence[str]) -> dict[str, float | None]:
    """`name`, `name/low` and `name/high` of one number an image, [images]; None where it is not defined."""
    found = mean_intervals(values[:, None], groups)
    low, high = (float(found[0]), float(found[1])) if found is not None else (None, None)
    mean = float(values.double().mean()) if len(values) else None
    return {name: mean, f"{name}/low": low, f"{name}/high": high}
