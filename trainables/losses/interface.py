"""What a loss is to the training loop."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from trainables.models.classifier import Classifier


class Loss(Protocol):
    """One forward pass and the number to be minimised.

    A loss is given the network and not only its logits, because a loss on explanations needs the feature map of the very
    pass that made the logits. Whatever it does, the images go through the backbone once.
    """

    def __call__(self, classifier: Classifier, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scalar loss, and the logits [batch, classes or labels] of the same pass in float32 or better.

        Args:
            classifier: in the mode and under the autocast that the caller has set.
            images: [batch, 1, height, width], intensities in [0, 1].
            targets: [batch], class numbers; or [batch, labels], probabilities, NaN where a label is left out.
        """
        ...


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision (what autocast leaves) to float32; float32 and float64 as they are."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
