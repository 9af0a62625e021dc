"""Settings of the attentive response maps. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class AttentiveMaps:
    """What the most activated units of the last feature map respond to, for a few images (paper P4, Figures 3 to 6).

    Of networks whose non-linearities are ReLU only; a sweep leaves the others out (`why_undefined`).

    Attributes:
        units: P4's n: the dominant map is the largest response among so many units.
        images: so many images of the split, up to half of them wrongly predicted ones.
        shown: of so many units, the most activated ones, single maps are drawn: a figure a number.
        split: where the images are from.
        seed: of the choice of images.
    """

    kind: Literal["attentive"] = "attentive"
    units: int = 25
    images: int = 8
    shown: tuple[int, ...] = (5, 9)
    split: Literal["val", "test"] = "test"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.units < 1 or self.images < 1:
            raise ValueError(f"posthoc/attentive has units {self.units} and images {self.images}; each is 1 or more.")
        if any(not 1 <= number <= self.units for number in self.shown):
            raise ValueError(
                f"posthoc/attentive/shown is {self.shown}; each is 1 or more and at most posthoc/attentive/units, which is "
                f"{self.units}."
            )

    @property
    def name(self) -> str:
        """Prefix of the metrics' names."""
        return "attentive"
