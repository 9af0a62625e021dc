"""A running average of a network's weights, which is smoother than the weights themselves (Polyak and Juditsky 1992)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from trainables.models import Classifier


class AveragedWeights:
    """An exponential moving average of parameters and of batch norm's statistics.

    After step t the average is moved towards the weights by 1 - min(decay, (1 + t) / (10 + t)), so that the first steps
    do not linger.

    Args:
        classifier: whose weights are averaged.
        decay: share of the average that a step keeps.
    """

    def __init__(self, classifier: Classifier, decay: float) -> None:
        self.classifier = copy.deepcopy(classifier).requires_grad_(False)
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, classifier: Classifier) -> None:
        """Take a step of training into the average."""
        self.steps += 1
        move = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        now = classifier.state_dict()
        for name, average in self.classifier.state_dict().items():
            if average.dtype.is_floating_point:
                average.lerp_(now[name], move)
            else:
                average.copy_(now[name])

    def load(self, weights: dict[str, Tensor], steps: int) -> None:
        """Continue from a stored average."""
        self.classifier.load_state_dict(weights)
        self.steps = steps
