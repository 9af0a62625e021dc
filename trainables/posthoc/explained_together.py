"""Images that several members have explained."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class ExplainedTogether:
    """The images, what the members say of them, and their maps.

    Attributes:
        pixels: [images, 1, height, width], intensities in [0, 1].
        image_ids: of the images.
        targets: [images], the true class; of labels the explained one where it is present, else the first that is, else -1.
        masks: [images, height, width] bool, or None where nobody knows.
        log_probs: [members, images, classes].
        predicted: [images], the class or label of the largest mean probability: the one that is explained.
        maps: [members, images, rows, columns], from 0 to 1 each.
        single: [images, rows, columns], that of one network, from 0 to 1.
        left_out: images of which the members predict no label, so that there is nothing to explain.
    """

    pixels: Tensor
    image_ids: tuple[str, ...]
    targets: Tensor
    masks: Tensor | None
    log_probs: Tensor
    predicted: Tensor
    maps: Tensor
    single: Tensor
    left_out: int = 0

    @property
    def is_correct(self) -> Tensor:
        """Whether the members together predict the true class, or a label that is present, [images]."""
        return self.predicted == self.targets
