"""From a loss's description to the loss."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from trainables.losses.class_distinct import at_least_float32, class_distinct
from trainables.losses.cross_entropy import cross_entropy, inverse_frequency_weights, weighted_cross_entropy
from trainables.losses.focal import focal
from trainables.losses.interface import Loss
from trainables.models.classifier import Classifier
from trainables.spec import ClassDistinct, CrossEntropy, Focal, LossSpec, WeightedCrossEntropy


@dataclass(frozen=True)
class LossOnLogits:
    """A loss that needs the logits only: calls the network once, and the function on what comes out."""

    of_logits: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, classifier: Classifier, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """See `Loss`."""
        logits = at_least_float32(classifier(images))
        return self.of_logits(logits, targets), logits


def build_loss(spec: LossSpec, *, class_counts: Tensor) -> Loss:
    """Make the loss that a trial's description names.

    Args:
        spec: one of the members of `LossSpec`.
        class_counts: [classes], images of each class in the training split.

    Raises:
        ValueError: fewer than two classes, or a weighted loss without any image.
    """
    if class_counts.ndim != 1 or len(class_counts) < 2:
        raise ValueError(
            f"build_loss() was given class_counts of shape {tuple(class_counts.shape)}; it wants the number of training "
            "images of each of at least two classes."
        )
    match spec:
        case CrossEntropy():
            return LossOnLogits(functools.partial(cross_entropy, label_smoothing=spec.label_smoothing))
        case WeightedCrossEntropy():
            weights = inverse_frequency_weights(class_counts)
            return LossOnLogits(functools.partial(weighted_cross_entropy, class_weights=weights))
        case Focal():
            return LossOnLogits(functools.partial(focal, gamma=spec.gamma))
        case ClassDistinct():
            return functools.partial(class_distinct, lambda_cd=spec.lambda_cd)
