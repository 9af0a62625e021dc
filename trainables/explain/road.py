"""ROAD: remove and debias (Rong et al. 2022, "A Consistent and Efficient Evaluation Strategy for Attribution Methods").

Pixels are removed so that their place tells nothing: each becomes the weighted mean of its neighbours, removed ones
included, and a little noise ("noisy linear imputation", their section 5).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from trainables.explain.grad_cam import upsample
from trainables.explain.outputs import Observed
from trainables.explain.perturbations import generator_of

DIRECT, DIAGONAL = 1 / 6, 1 / 12
"""Weights of the four direct and the four diagonal neighbours, as in the paper."""
NOISE = 0.01
"""Standard deviation of the noise on imputed intensities in [0, 1]."""
PERCENTAGES = (10, 20, 30, 50, 70, 90)
TOLERANCE = 1e-6
MOST_STEPS = 3000


@dataclass(frozen=True, kw_only=True, eq=False)
class Road:
    """What a network still says when pixels are removed.

    Attributes:
        percentages: of the pixels that are removed.
        most_kept: [images, percentages], whether the class is still predicted, the most relevant pixels removed.
        least_kept: [images, percentages], the same with the least relevant ones removed.
        most, least: [images, percentages], probabilities of the class then.
    """

    percentages: tuple[int, ...]
    most_kept: Tensor
    least_kept: Tensor
    most: Tensor
    least: Tensor


def road(
    observed: Observed,
    images: Tensor,
    maps: Tensor,
    classes: Tensor,
    *,
    image_ids: Sequence[str],
    percentages: Sequence[int] = PERCENTAGES,
    seed: int = 0,
) -> Road:
    """Predictions after the removal of the most and of the least relevant pixels.

    Args:
        observed: the network.
        images: [images, 1, height, width] in [0, 1].
        maps: [images, rows, columns]; enlarged to the image, equal pixels ranked by their number.
        classes: [images], the class that is followed.
        image_ids: names of the images, to which the noise belongs.
        percentages: of the pixels, each below 100.
        seed: of the noise.
    """
    order = pixels_by_relevance(images, maps)
    pixels = order.shape[1]
    found: dict[bool, list[tuple[Tensor, Tensor]]] = {True: [], False: []}
    for most in (True, False):
        for share in percentages:
            count = round(pixels * share / 100)
            chosen = order[:, :count] if most else order[:, pixels - count :]
            removed = torch.zeros(len(images), pixels, dtype=torch.bool).scatter(1, chosen, True).reshape(images.shape)
            shown = imputed(images, removed, image_ids=image_ids, seed=seed)
            found[most].append((observed.probabilities(shown, classes), observed.is_predicted(shown, classes)))
    (most_values, most_kept), (least_values, least_kept) = (
        (torch.stack([pair[0] for pair in pairs], dim=1), torch.stack([pair[1] for pair in pairs], dim=1))
        for pairs in (found[True], found[False])
    )
    return Road(
        percentages=tuple(percentages), most_kept=most_kept, least_kept=least_kept, most=most_values, least=least_values
    )


def pixels_by_relevance(images: Tensor, maps: Tensor) -> Tensor:
    """Pixels of each image in falling order of its enlarged map, equal ones by number, [images, height * width]."""
    height, width = images.shape[2:]
    relevance = upsample(maps[:, None], (height, width)).flatten(1)
    return relevance.argsort(dim=1, descending=True, stable=True)


def imputed(
    images: Tensor, removed: Tensor, *, image_ids: Sequence[str], seed: int = 0, noise: float = NOISE
) -> Tensor:
    """Images whose removed pixels solve `x_p = sum_q w_pq x_q / sum_q w_pq` together, plus noise, clipped to [0, 1].

    q are the up to eight neighbours of p inside the image, with weight 1/6 beside and 1/12 across (Rong et al. 2022, eq. 5;
    at borders the weights are divided by their sum). The system is symmetric and positive, and solved by conjugate
    gradients.

    Args:
        images: [images, 1, height, width].
        removed: [images, 1, height, width], bool; of each image a pixel at least is not.
        image_ids: names of the images, to which the noise belongs.
        seed: of the noise.
        noise: its standard deviation.
    """
    if not len(images):
        return images.clone()
    inside = removed.double()
    total = _neighbours(torch.ones_like(inside))
    known = images.double() * (1 - inside)
    filled = _conjugate_gradients(
        lambda x: inside * (total * x - _neighbours(x)), inside * _neighbours(known), inverse=inside / total
    )
    fields = [torch.randn(images.shape[1:], generator=generator_of(seed, "road", name)) for name in image_ids]
    shown = (filled + noise * torch.stack(fields).double()).clamp(0, 1)
    return torch.where(removed, shown.to(images), images)


def _neighbours(values: Tensor) -> Tensor:
    """Weighted sum over the neighbours of each pixel, those beyond the border left out.

    By sums of shifted images: a convolution of one channel in double precision takes several times as long.
    """
    beside = functional.pad(values, (1, 1))
    across = beside[..., :-2] + beside[..., 2:]
    direct, diagonal = functional.pad(values, (0, 0, 1, 1)), functional.pad(across, (0, 0, 1, 1))
    vertical = direct[..., :-2, :] + direct[..., 2:, :]
    return DIRECT * (across + vertical) + DIAGONAL * (diagonal[..., :-2, :] + diagonal[..., 2:, :])


def _conjugate_gradients(apply: Callable[[Tensor], Tensor], wanted: Tensor, *, inverse: Tensor) -> Tensor:
    """Solve `apply(x) = wanted` for every image, preconditioned by the inverse of the diagonal."""
    x, residual = torch.zeros_like(wanted), wanted.clone()
    direction = inverse * residual
    product = _dot(residual, direction)
    limit = TOLERANCE**2 * _dot(wanted, wanted)
    tiny = torch.finfo(wanted.dtype).tiny
    for _ in range(MOST_STEPS):
        if bool((_dot(residual, residual) <= limit).all()):
            break
        applied = apply(direction)
        step = product / _dot(direction, applied).clamp_min(tiny)
        x = x + step * direction
        residual = residual - step * applied
        scaled = inverse * residual
        after = _dot(residual, scaled)
        direction = scaled + after / product.clamp_min(tiny) * direction
        product = after
    return x


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum((1, 2, 3), keepdim=True)
