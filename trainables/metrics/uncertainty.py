"""How unsure a prediction is, per image: entropy, mutual information, disagreement of members."""

from __future__ import annotations

from torch import Tensor

from trainables.predictions import Predictions


def predictive_entropy(predictions: Predictions) -> Tensor:
    """Entropy of the pooled prediction, -sum_k p_k log p_k in nats, [images]; between 0 and log(classes)."""
    return _entropy(predictions.pooled_log_probs())


def mutual_information(predictions: Predictions) -> Tensor:
    """Entropy of the pooled prediction less the members' mean entropy, in nats, [images].

    What the members do not agree on (Houlsby et al. 2011, equation 2); zero for one member and for equal members.
    """
    pooled = _entropy(predictions.pooled_log_probs())
    return (pooled - _entropy(predictions.log_probs()).mean(dim=0)).clamp_min(0.0)


def disagreement(predictions: Predictions) -> Tensor:
    """Share of members whose most probable class is not the pooled one, [images]."""
    chosen = predictions.pooled_log_probs().argmax(dim=-1)
    return (predictions.logits.argmax(dim=-1) != chosen).double().mean(dim=0)


def _entropy(log_probs: Tensor) -> Tensor:
    return -(log_probs.exp() * log_probs).sum(dim=-1)
