"""Members pooled one after another, so that memory does not depend on how many there are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.metrics.uncertainty import entropy_of
from trainables.multilabel import AnyPredictions, MultiLabelPredictions, outcomes_of
from trainables.predictions import LEAST_LOG_PROB, pool, require_same_images


def outcomes(predictions: AnyPredictions) -> Tensor:
    """What one network says, in double precision: log probabilities of the outcomes, summing to 1 over the last axis.

    A network with several members of its own (dropout samples, posterior samples, heads) is their mean probability.

    Returns:
        [images, classes], or [images, labels, 2] with absent and present.
    """
    if isinstance(predictions, MultiLabelPredictions):
        return pool(outcomes_of(predictions.logits))
    return predictions.pooled_log_probs()


def from_outcomes(like: AnyPredictions, log_probs: Tensor) -> AnyPredictions:
    """The images of `like` under these outcomes (see `outcomes`), as one member."""
    if isinstance(like, MultiLabelPredictions):
        return like.with_logits((log_probs[..., 1] - log_probs[..., 0])[None])
    return like.with_logits(log_probs.clamp_min(LEAST_LOG_PROB)[None])


@dataclass(frozen=True, kw_only=True)
class ImageUncertainty:
    """What the members say about each image together; [images] each, as in `trainables.metrics.uncertainty`."""

    entropy: Tensor
    mutual_information: Tensor
    disagreement: Tensor


class RunningPool:
    """The mean probability of members that come one by one, and how far they agree.

    Kept are the logarithm of the sum of probabilities, the sum of entropies and the votes for every outcome: each of the
    size of one member's prediction. All members weigh the same, however many members of their own they have.
    """

    def __init__(self) -> None:
        self._like: AnyPredictions | None = None
        self._weight = 0
        self._total = self._entropies = self._votes = torch.empty(0)

    def add(self, predictions: AnyPredictions, weight: int = 1) -> None:
        """Take in a member, `weight` times.

        Raises:
            ValueError: other images than those of the first member, in another order or with another truth.
        """
        log_probs = outcomes(predictions)
        if self._like is None:
            self._like = from_outcomes(predictions, log_probs)
            self._total = torch.full_like(log_probs, -math.inf)
            self._entropies = torch.zeros_like(log_probs[..., 0])
            self._votes = torch.zeros_like(log_probs)
        require_same_images(self._like, predictions)
        self._weight += weight
        self._total = torch.logaddexp(self._total, log_probs + math.log(weight))
        self._entropies += weight * entropy_of(log_probs)
        winner = log_probs.argmax(dim=-1, keepdim=True)
        self._votes.scatter_add_(-1, winner, torch.full_like(winner, weight, dtype=self._votes.dtype))

    def pooled(self) -> AnyPredictions:
        """The pooled prediction as one member.

        Raises:
            ValueError: no member has come.
        """
        return from_outcomes(self._first(), self._mean())

    def uncertainty(self) -> ImageUncertainty:
        """Entropy of the pooled prediction, what of it the members do not share, and the votes against it.

        Raises:
            ValueError: no member has come.
        """
        labels, mean = isinstance(self._first(), MultiLabelPredictions), self._mean()
        entropy = entropy_of(mean)
        information = (entropy - self._entropies / self._weight).clamp_min(0.0)
        agreed = self._votes.gather(-1, mean.argmax(dim=-1, keepdim=True))[..., 0]
        against = (self._weight - agreed) / self._weight
        return ImageUncertainty(
            entropy=entropy.sum(-1) if labels else entropy,
            mutual_information=information.sum(-1) if labels else information,
            disagreement=against.mean(-1) if labels else against,
        )

    def _mean(self) -> Tensor:
        return self._total - math.log(self._weight)

    def _first(self) -> AnyPredictions:
        if self._like is None:
            raise ValueError("RunningPool has no member. Call add() at least once.")
        return self._like
