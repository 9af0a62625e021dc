"""Maps of the members of an ensemble on one scale and at one size, so that they can be looked at and pooled."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainables.explain.aggregate import scaled
from trainables.explain.grad_cam import upsample
from trainables.explain.methods import saliency_maps
from trainables.models.classifier import Classifier


def member_maps(
    networks: Sequence[tuple[Classifier, Tensor]],
    classes: Tensor,
    method: str = "grad_cam",
    *,
    side: int,
    seed: int = 0,
) -> Tensor:
    """Maps of several networks of the same images, [members, images, side, side], from 0 to 1 each, on the CPU.

    A map is enlarged bilinearly first and scaled then, as paper P1 scales before it aggregates: members count alike, however
    large their relevance is. A flat map is 0 everywhere.

    Args:
        networks: each with the images at the size that it reads, [images, 1, height, width], intensities in [0, 1].
        classes: [images], the class or label to explain.
        method: one of `trainables.explain.METHODS`.
        side: of the maps, in pixels.
        seed: of methods that draw.

    Raises:
        ValueError: no networks, an unknown method, or one that is not defined for a network.
    """
    if not networks:
        raise ValueError("member_maps() got no networks. Pass one at least.")
    maps = [saliency_maps(classifier, images, classes, method, seed=seed) for classifier, images in networks]
    return torch.stack([scaled(upsample(each[:, None].float(), (side, side))[:, 0]) for each in maps])
