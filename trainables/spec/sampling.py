"""In which order, and how often, an epoch shows the training images. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """What an epoch draws from the train split; val, calib and test are always seen whole.

    Attributes:
        draw: `shuffle` shows every image once. `balanced` makes as many draws with replacement as there are images, each
            weighted by one over the number of images of its class, so that every class is expected equally often; an
            image with several labels counts by the rarest that is present, and images without any as a class of their
            own. `down_sample` shows as many images of every class as the smallest has, chosen anew every epoch; it is
            for one class per image only.
    """

    draw: Literal["shuffle", "balanced", "down_sample"] = "shuffle"
