"""How unsure a prediction is, per image: entropy, mutual information, disagreement of members.

Labels that do not exclude each other are two outcomes each and independent given the image: entropies and information are
summed over them, disagreement is their mean.
"""

from __future__ import annotations

from torch import Tensor

from trainables.multilabel import AnyPredictions, MultiLabelPredictions, outcomes_of
from trainables.predictions import pool


def predictive_entropy(predictions: AnyPredictions) -> Tensor:
    """Entropy of the pooled prediction, -sum_k p_k log p_k in nats, [images].

    It lies between 0 and log(classes), or log(2) times the labels.
    """
    if isinstance(predictions, MultiLabelPredictions):
        return entropy_of(pool(outcomes_of(predictions.logits))).sum(dim=-1)
    return entropy_of(predictions.pooled_log_probs())


def mutual_information(predictions: AnyPredictions) -> Tensor:
    """Entropy of the pooled prediction less the members' mean entropy, in nats, [images].

    What the members do not agree on (Houlsby et al. 2011, equation 2); zero for one member and for equal members.
    """
    if isinstance(predictions, MultiLabelPredictions):
        return mutual_information_of(outcomes_of(predictions.logits)).sum(dim=-1)
    return mutual_information_of(predictions.log_probs())


def disagreement(predictions: AnyPredictions) -> Tensor:
    """Share of members whose most probable class is not the pooled one, [images]; mean over labels where there are."""
    if isinstance(predictions, MultiLabelPredictions):
        return disagreement_of(outcomes_of(predictions.logits)).mean(dim=-1)
    return disagreement_of(predictions.log_probs())


def entropy_of(log_probs: Tensor) -> Tensor:
    """Entropy in nats, from log probabilities [..., classes]."""
    return -(log_probs.exp() * log_probs).sum(dim=-1)


def mutual_information_of(log_probs: Tensor) -> Tensor:
    """See `mutual_information`; from the members' log probabilities [members, images, ..., classes]."""
    return (entropy_of(pool(log_probs)) - entropy_of(log_probs).mean(dim=0)).clamp_min(0.0)


def disagreement_of(log_probs: Tensor) -> Tensor:
    """See `disagreement`; from the members' log probabilities [members, images, ..., classes]."""
    chosen = pool(log_probs).argmax(dim=-1)
    return (log_probs.argmax(dim=-1) != chosen).double().mean(dim=0)
