"""Losses over logits, and over the maps of the pass that made them."""

from trainables.losses.build import LossOnLogits, build_loss, build_loss_for, build_multilabel_loss
from trainables.losses.class_distinct import class_distinct
from trainables.losses.confidence_penalty import confidence_penalty
from trainables.losses.cross_entropy import cross_entropy, inverse_frequency_weights, weighted_cross_entropy
from trainables.losses.focal import focal
from trainables.losses.interface import Loss
from trainables.losses.saliency import class_similarity, latent_similarity
from trainables.losses.spatial_coherence import spatial_coherence

__all__ = [
    "Loss",
    "LossOnLogits",
    "build_loss",
    "build_loss_for",
    "build_multilabel_loss",
    "class_distinct",
    "class_similarity",
    "confidence_penalty",
    "cross_entropy",
    "focal",
    "inverse_frequency_weights",
    "latent_similarity",
    "spatial_coherence",
    "weighted_cross_entropy",
]
