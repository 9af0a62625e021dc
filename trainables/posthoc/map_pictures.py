"""What the grids of members' maps are drawn from (paper P1, Figures 2 to 4), small enough to be stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trainables.explain.aggregate import agreement
from trainables.posthoc.aopc import gallery_rows
from trainables.posthoc.explained_together import ExplainedTogether
from trainables.posthoc.map_rotation import Turned

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


MOST_IMAGES = 4
MOST_MEMBERS = 6


def shown_images(explained: ExplainedTogether) -> Tensor:
    """Up to four of the explained images, which cover the classes in turn; correct ones first."""
    order: NDArray[np.int64] = torch.arange(len(explained.targets)).numpy()
    rows = gallery_rows(explained.targets.numpy(), explained.predicted.numpy(), order)
    return torch.from_numpy(rows[:MOST_IMAGES].copy())


def picture_tensors(explained: ExplainedTogether, aggregated: Mapping[str, Tensor], shown: Tensor) -> dict[str, Tensor]:
    """Tensors by name.

    - `shown/pixels` [images, height, width] uint8, `shown/targets` [images], `shown/rows` [images] of all that are explained, `shown/masks` where they are known;
    - `shown/maps` [members, images, rows, columns], `shown/probabilities` [members, images, classes] of the first members,
      `shown/pooled` [images, classes] of all;
    - `shown/aggregated/<name>` [images, rows, columns], and `shown/deviation`, `shown/agreement` likewise.
    """
    alike = agreement(explained.maps[:, shown])
    masks = {} if explained.masks is None else {"shown/masks": explained.masks[shown]}
    return {
        "shown/pixels": _grey(explained.pixels[shown]),
        "shown/targets": explained.targets[shown],
        "shown/rows": shown,
        **masks,
        **_of_members("shown", explained.maps[:, shown], explained.log_probs[:, shown]),
        **{f"shown/aggregated/{name}": maps[shown].half() for name, maps in aggregated.items()},
        "shown/deviation": alike.deviation.half(),
        "shown/agreement": alike.agreement.half(),
    }


def rotated_picture_tensors(turned: Turned) -> dict[str, Tensor]:
    """The same of the rotated images, `rotated/...`, with their mean map and the angle; nothing where none was rotated."""
    if turned.degrees is None:
        return {}
    return {
        "rotated/degrees": torch.tensor(turned.degrees),
        "rotated/pixels": _grey(turned.pixels),
        **_of_members("rotated", turned.maps, turned.log_probs),
        "rotated/aggregated/mean": turned.maps.mean(0).half(),
    }


def _of_members(prefix: str, maps: Tensor, log_probs: Tensor) -> dict[str, Tensor]:
    return {
        f"{prefix}/maps": maps[:MOST_MEMBERS].half(),
        f"{prefix}/probabilities": log_probs[:MOST_MEMBERS].exp().half(),
        f"{prefix}/pooled": log_probs.exp().mean(0).half(),
    }


def _grey(pixels: Tensor) -> Tensor:
    return (pixels[:, 0] * 255).round().to(torch.uint8)
