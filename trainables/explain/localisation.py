"""Does a map point at what makes the class? Scores against known masks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.explain.grad_cam import upsample


@dataclass(frozen=True, kw_only=True)
class Localisation:
    """Scores of the images that have a mask; those with an empty one (a normal chest) have nothing to be found.

    Attributes:
        pointing_game: [masked images], whether the map's largest value lies inside the mask.
        energy_inside: [masked images], share of the map's sum that lies inside the mask, in [0, 1].
        best_iou: [masked images], largest intersection over union of the mask and the pixels above a threshold, over all
            thresholds of that image: an upper bound of what a threshold fixed beforehand reaches. A map of one value has the
            mask's share.
        rank_accuracy: [masked images], share of the K most relevant pixels that lie inside the mask, K the mask's pixels.
        mask_share: [masked images], share of the image that the mask covers: what pointing game, energy and rank accuracy
            are in the mean for a map that knows nothing.
        without_mask: images left out because their mask is empty.
    """

    pointing_game: Tensor
    energy_inside: Tensor
    best_iou: Tensor
    rank_accuracy: Tensor
    mask_share: Tensor
    without_mask: int


def localise(maps: Tensor, masks: Tensor) -> Localisation:
    """Score maps against masks.

    Pointing game (Zhang et al. 2018, with no tolerance around the mask): is the argmax inside. Energy inside (Wang et al.
    2020, "energy-based pointing game"): sum of the map inside over its sum. Relevance rank accuracy: Arras et al. 2022. Maps are enlarged bilinearly to the mask's
    size first; of equal pixels the first by rows counts. A map that is zero everywhere points nowhere: its scores are 0.

    Args:
        maps: [images, rows, columns], non-negative, of the target class.
        masks: [images, height, width], bool.

    Raises:
        ValueError: another number of maps than masks, or negative relevance, of which no share can be taken.
    """
    if len(maps) != len(masks):
        raise ValueError(f"localise() was given {len(maps)} maps and {len(masks)} masks. Pass one mask for each map.")
    if bool((maps < 0).any()):
        raise ValueError("localise() was given a map with negative values. Pass its positive part (torch.relu).")
    has_mask = masks.flatten(1).any(dim=1)
    inside = masks[has_mask].flatten(1).to(maps.device)
    height, width = masks.shape[1:]
    relevance = upsample(maps[has_mask][:, None], (height, width)).flatten(1).double()
    total = relevance.sum(1)
    hit = inside.gather(1, relevance.argmax(1, keepdim=True)).squeeze(1) if len(inside) else inside.any(1)
    points = total > 0
    return Localisation(
        pointing_game=hit & points,
        energy_inside=(relevance * inside).sum(1) / total.clamp_min(torch.finfo(torch.float64).tiny),
        best_iou=_best_iou(relevance, inside) * points,
        rank_accuracy=_rank_accuracy(relevance, inside) * points,
        mask_share=inside.double().mean(1),
        without_mask=int((~has_mask).sum()),
    )


def _best_iou(relevance: Tensor, inside: Tensor) -> Tensor:
    """Over every set of pixels that a threshold can cut off, equal values together; both [images, pixels]."""
    ordered, order = relevance.sort(dim=1, descending=True)
    hits = inside.gather(1, order).double().cumsum(1)
    count = torch.arange(1, relevance.shape[1] + 1, dtype=torch.float64, device=relevance.device)
    overlap = hits / (count + inside.sum(1, keepdim=True) - hits)
    is_cut = torch.ones_like(inside)
    is_cut[:, :-1] = ordered[:, :-1] > ordered[:, 1:]
    return torch.where(is_cut, overlap, 0.0).amax(1) if len(overlap) else overlap.sum(1)


def _rank_accuracy(relevance: Tensor, inside: Tensor) -> Tensor:
    order = relevance.argsort(dim=1, descending=True, stable=True)
    hits = inside.gather(1, order).double().cumsum(1)
    size = inside.sum(1, keepdim=True)
    return (hits.gather(1, (size - 1).clamp_min(0)) / size).squeeze(1)
