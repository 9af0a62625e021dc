"""Which output of a network is followed while its input is perturbed: probabilities or logits, of classes or of labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from trainables.explain.pooled import Pooled
from trainables.models.classifier import Classifier
from trainables.multilabel import log_odds_of
from trainables.spec import FollowedOutput

Followed: TypeAlias = Callable[[Any, Tensor], Tensor]
"""From a network, or several as one, and images [batch, 1, height, width] to what is followed of every class or label, [batch, classes]."""


def probabilities(classifier: Classifier | Pooled, images: Tensor) -> Tensor:
    """Softmax probabilities; of several members their mean."""
    return classifier.log_probs(images).exp()


def logits(classifier: Classifier, images: Tensor) -> Tensor:
    """Logits; of several members their mean. A constant added to all classes, which changes no prediction, moves them."""
    return classifier(images).float()  # type: ignore[no-any-return]


def label_probabilities(classifier: Classifier, images: Tensor) -> Tensor:
    """Sigmoids, a probability a label; of several members their mean."""
    return torch.sigmoid(_member_logits(classifier, images)).mean(0)


def label_log_odds(classifier: Classifier, images: Tensor) -> Tensor:
    """Log odds of the probability of each label; of one member these are its logits."""
    return log_odds_of(_member_logits(classifier, images)).float()


def followed(output: FollowedOutput, *, of_labels: bool) -> Followed:
    """What is followed of networks whose classes exclude each other, or of those that predict labels."""
    if output == "probability":
        return label_probabilities if of_labels else probabilities
    return label_log_odds if of_labels else logits


def _member_logits(classifier: Classifier, images: Tensor) -> Tensor:
    return classifier.member_logits(classifier.features(images)).float()


@dataclass(frozen=True, kw_only=True, eq=False)
class Observed:
    """A network whose probability of one class or label an image is followed.

    Attributes:
        classifier: in eval mode, on the device that it is to run on.
        of_labels: whether its classes are labels.
        batch_size: images a forward pass.
    """

    classifier: Classifier
    of_labels: bool = False
    batch_size: int = 16

    def of_classes(self, images: Tensor) -> Tensor:
        """Probability of every class or label, [images, classes] on the CPU."""
        device = next(self.classifier.parameters()).device
        value = followed("probability", of_labels=self.of_labels)
        with torch.no_grad():
            parts = [value(self.classifier, some.to(device)).cpu() for some in torch.split(images, self.batch_size)]
        return torch.cat(parts)

    def probabilities(self, images: Tensor, classes: Tensor) -> Tensor:
        """Probability of the class of each image, [images]."""
        return self.of_classes(images).gather(1, classes[:, None])[:, 0] if len(images) else torch.empty(0)

    def is_predicted(self, images: Tensor, classes: Tensor) -> Tensor:
        """Whether the class of each image is the most probable one, or its label is above one half, [images]."""
        if not len(images):
            return torch.empty(0, dtype=torch.bool)
        found = self.of_classes(images)
        if self.of_labels:
            return found.gather(1, classes[:, None])[:, 0] > 0.5
        return found.argmax(1) == classes
