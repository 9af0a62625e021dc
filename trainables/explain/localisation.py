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
        mask_share: [masked images], share of the image that the mask covers: what both scores are in the mean for a map
            that knows nothing.
        without_mask: images left out because their mask is empty.
    """

    pointing_game: Tensor
    energy_inside: Tensor
    mask_share: Tensor
    without_mask: int


def localise(maps: Tensor, masks: Tensor) -> Localisation:
    """Score maps against masks.

    Pointing game (Zhang et al. 2018, with no tolerance around the mask): is the argmax inside. Energy inside (Wang et al.
    2020, "energy-based pointing game"): sum of the map inside over its sum. Maps are enlarged bilinearly to the mask's
    size first; of several largest pixels the first by rows counts. A map that is zero everywhere points nowhere: both
    scores are 0.

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
    return Localisation(
        pointing_game=hit & (total > 0),
        energy_inside=(relevance * inside).sum(1) / total.clamp_min(torch.finfo(torch.float64).tiny),
        mask_share=inside.double().mean(1),
        without_mask=int((~has_mask).sum()),
    )
