"""How a map of the lungs comes into a network's input. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from trainables.spec.canonical import content_key
from trainables.spec.models import FrozenHead, Mimo, ModelSpec, Timm
from trainables.spec.versions import VERSIONS


@dataclass(frozen=True, kw_only=True)
class LungSegmentation:
    """A small U-Net, trained on the lung masks of the train split.

    Attributes:
        widths: channels of its levels; every level but the first halves the side.
        epochs: of its training; the best one by Dice on val is kept.
        size: side in pixels that images are brought to in front of it; its maps are brought back to theirs.
        learning_rate: of Adam, which falls to zero along a cosine.
        batch_size: images a step.
        seed: of the weights and of the order of the images.
    """

    widths: tuple[int, ...] = (8, 16, 32, 64)
    epochs: int = 10
    size: int = 64
    learning_rate: float = 3e-3
    batch_size: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise ValueError(
                f"lungs/segmentation/widths is {self.widths}; give two levels at least, each with a channel or more."
            )
        smallest = 2 ** (len(self.widths) - 1)
        if self.size < smallest:
            raise ValueError(
                f"lungs/segmentation/size is {self.size}, and {len(self.widths)} levels need {smallest} pixels at least. "
                "Take a larger size or fewer widths."
            )
        if self.epochs < 1 or self.learning_rate <= 0:
            raise ValueError(
                f"lungs/segmentation trains {self.epochs} epochs at a rate of {self.learning_rate:g}; give an epoch or more "
                "and a rate above 0."
            )
        if self.batch_size < 2:
            raise ValueError(
                f"lungs/segmentation/batch_size is {self.batch_size}, and batch norm needs 2 images at least."
            )


@dataclass(frozen=True, kw_only=True)
class Lungs:
    """A map of the lungs in a classifier's input, drawn by a frozen U-Net that is part of the network.

    Attributes:
        how: `mask` multiplies the image's intensities by the map, `channel` gives the map as one more channel.
        segmentation: the U-Net; trials that differ elsewhere share it.
    """

    how: Literal["mask", "channel"]
    segmentation: LungSegmentation = field(default_factory=LungSegmentation)

    def require_fits(self, model: ModelSpec) -> None:
        """Refuse a network whose first layer cannot learn to use the map.

        Raises:
            ValueError: the map is to be a channel, and the first layer is frozen; or the network reads several images at once.
        """
        if isinstance(model, Mimo):
            raise ValueError(
                "lungs is given to a mimo network, which reads several images at once, and a map of the lungs is of one. Leave "
                "lungs out, or take another network."
            )
        if self.how == "channel" and (isinstance(model, FrozenHead) or (isinstance(model, Timm) and model.frozen)):
            raise ValueError(
                f"lungs/how is 'channel', and the first layer of {model.kind!r} is frozen here, so it would never learn what "
                "the map means. Take 'mask', or a network that learns as a whole."
            )


def lungs_key(spec: LungSegmentation, inputs: Sequence[str]) -> str:
    """Key of the trained U-Net: its description and the key of the data set."""
    return content_key("lungs", version=VERSIONS["lungs"], settings=spec, inputs=inputs)
