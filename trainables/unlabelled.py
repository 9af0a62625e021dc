"""What networks say about images whose truth nobody knows: calibrated probabilities and how unsure they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.metrics.uncertainty import disagreement_of, entropy_of, mutual_information_of
from trainables.multilabel import log_odds_of, outcomes_of
from trainables.posthoc.temperature import scores_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """A row an image, in double precision.

    Attributes:
        log_probs: [images, classes], calibrated; or [images, labels], of the labels being present.
        entropy: [images], of the calibrated probabilities, in nats.
        mutual_information: [images], of the members before calibration, in nats; 0 for one member.
        disagreement: [images], share of members with another most probable class than the pooled one.

    Of labels, entropy and information are sums over them, and disagreement is a mean.
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
    _require_finite(logits)
    members = torch.log_softmax(logits.double(), dim=-1)
    log_probs = torch.log_softmax(scores_of(logits) / temperature, dim=-1)
    return Answers(
        log_probs=log_probs,
        entropy=entropy_of(log_probs),
        mutual_information=mutual_information_of(members),
        disagreement=disagreement_of(members),
    )


def answer_labels(logits: Tensor, temperature: float) -> Answers:
    """The same for labels that do not exclude each other.

    Args:
        logits: [members, images, labels].
        temperature: fitted for this network or this ensemble.

    Raises:
        ValueError: non-finite logits.
    """
    _require_finite(logits)
    members, calibrated = outcomes_of(logits), outcomes_of(log_odds_of(logits) / temperature)
    return Answers(
        log_probs=calibrated[..., 1],
        entropy=entropy_of(calibrated).sum(dim=-1),
        mutual_information=mutual_information_of(members).sum(dim=-1),
        disagreement=disagreement_of(members).mean(dim=-1),
    )


def _require_finite(logits: Tensor) -> None:
    if not torch.isfinite(logits).all():
        raise ValueError("answer() was given non-finite logits; the network has diverged. Take another one.")
