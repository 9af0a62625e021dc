"""From a loss's description to the loss."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.losses.auc_margin import AucMarginLoss, positive_shares
from trainables.losses.class_distinct import class_distinct
from trainables.losses.confidence_penalty import confidence_penalty, sigmoid_confidence_penalty
from trainables.losses.cross_entropy import cross_entropy, inverse_frequency_weights, weighted_cross_entropy
from trainables.losses.focal import balanced_weights, focal
from trainables.losses.interface import Loss, at_least_float32
from trainables.losses.multilabel import (
    binary_cross_entropy,
    positive_weights,
    sigmoid_focal,
    weighted_binary_cross_entropy,
)
from trainables.models.classifier import Classifier
from trainables.spec import (
    AucMargin,
    ClassDistinct,
    ConfidencePenalty,
    CrossEntropy,
    Focal,
    LossSpec,
    WeightedCrossEntropy,
)


@dataclass(frozen=True)
class LossOnLogits:
    """A loss that needs the logits only: calls the network once, and the function on what comes out."""

    of_logits: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, classifier: Classifier, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """See `Loss`."""
        logits = at_least_float32(classifier(images))
        return self.of_logits(logits, targets), logits


def build_loss(spec: LossSpec, *, class_counts: Tensor, drawn_counts: Tensor | None = None) -> Loss:
    """Make the loss that a trial's description names.

    Args:
        spec: one of the members of `LossSpec`.
        class_counts: [classes], images of each class in the training split.
        drawn_counts: [classes], how often training draws each class, up to a factor; as often as it is there if left out.

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
            balance = None if spec.alpha is None else balanced_weights(class_counts, spec.alpha)
            return LossOnLogits(functools.partial(focal, gamma=spec.gamma, class_weights=balance))
        case ConfidencePenalty():
            return LossOnLogits(functools.partial(confidence_penalty, beta=spec.beta))
        case ClassDistinct():
            return saliency_loss(spec)
        case AucMargin():
            drawn = class_counts if drawn_counts is None else drawn_counts
            return AucMarginLoss(drawn / drawn.sum(), spec, exclusive=True)


def build_multilabel_loss(spec: LossSpec, *, targets: Tensor, drawn: Tensor | None = None) -> Loss:
    """The same for labels that do not exclude each other: a sigmoid a label, entries without a truth left out.

    `WeightedCrossEntropy` weighs the presence of every label by `positive_weights`. `ClassDistinct` adds L_CD to that one,
    as paper P2 does, over the labels that the training split holds.

    Args:
        spec: one of the members of `LossSpec`.
        targets: [images, labels] of the training split, NaN where a label is left out.
        drawn: [images], how often training draws each of them, up to a factor; equally often if left out.
    """
    weighted = functools.partial(weighted_binary_cross_entropy, weights=positive_weights(targets))
    match spec:
        case CrossEntropy():
            return LossOnLogits(functools.partial(binary_cross_entropy, label_smoothing=spec.label_smoothing))
        case WeightedCrossEntropy():
            return LossOnLogits(weighted)
        case Focal():
            return LossOnLogits(functools.partial(sigmoid_focal, gamma=spec.gamma, alpha=spec.alpha))
        case ConfidencePenalty():
            return LossOnLogits(functools.partial(sigmoid_confidence_penalty, beta=spec.beta))
        case ClassDistinct():
            present = torch.nonzero((targets > 0).any(0))[:, 0]
            return functools.partial(saliency_loss(spec), of_logits=weighted, mapped=present)
        case AucMargin():
            drawn = torch.ones(len(targets)) if drawn is None else drawn
            return AucMarginLoss(positive_shares(targets, drawn), spec, exclusive=False)


def saliency_loss(spec: ClassDistinct) -> functools.partial[tuple[Tensor, Tensor]]:
    """The loss on maps with the settings of its description."""
    return functools.partial(
        class_distinct,
        lambda_cd=spec.lambda_cd,
        representation=spec.representation,
        lambda_sc=spec.lambda_sc,
        sc_resolution=spec.sc_resolution,
    )


def build_loss_for(spec: LossSpec, targets: Tensor, classes: int, *, drawn: Tensor | None = None) -> Loss:
    """Make the loss for the targets of the training split: class numbers [images], or [images, labels].

    Args:
        spec: one of the members of `LossSpec`.
        targets: of the training split.
        classes: how many there are.
        drawn: [images], how often training draws each image, up to a factor; equally often if left out.
    """
    if targets.ndim == 2:
        return build_multilabel_loss(spec, targets=targets, drawn=drawn)
    drawn_counts = None if drawn is None else torch.bincount(targets, weights=drawn, minlength=classes)
    return build_loss(spec, class_counts=torch.bincount(targets, minlength=classes), drawn_counts=drawn_counts)
