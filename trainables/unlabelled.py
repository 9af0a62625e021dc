"""What networks say about images whose truth nobody knows: calibrated probabilities and how unsure they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.metrics.uncertainty import disagreement_of, entropy_of, mutual_information_of
from trainables.posthoc.temperature import scores_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """A row an image, in double precision.

    Attributes:
        log_probs: [images, classes], calibrated.
        entropy: [images], of the calibrated probabilities, in nats.
        mutual_information: [images], of the members before calibration, in nats; 0 for one member.
        disagreement: [images], share of members with another most probable class than the pooled one.
    """

    log_probs: Tensor
    entropy: Tensor
    mutual_information: Tensor
    disagreement: Tensor


def answer(logits: Tensor, temperature: float) -> Answers:
    """Pool the members, then divide by the temperature: as `apply_temperature` does for images with a truth.

    Args:
        logits: [members, images, classes].
        temperature: fitted for this network or this ensemble.

    Raises:
        ValueError: non-finite logits.
    """
    if not torch.isfinite(logits).all():
        raise ValueError("answer() was given non-finite logits; the network has diverged. Take another one.")
    members = torch.log_softmax(logits.double(), dim=-1)
    log_probs = torch.log_softmax(scores_of(logits) / temperature, dim=-1)
    return Answers(
        log_probs=log_probs,
        entropy=entropy_of(log_probs),
        mutual_information=mutual_information_of(members),
        disagreement=disagreement_of(members),
    )
