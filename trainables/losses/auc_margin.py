"""The AUC margin loss: a bound of the area under the ROC curve as a saddle point (Yuan et al. 2021)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.losses.interface import at_least_float32
from trainables.losses.multilabel import binary_cross_entropy, filled
from trainables.losses.variables import TrainedLoss
from trainables.models.classifier import Classifier
from trainables.spec import AucMargin


def auc_margin(
    scores: Tensor, targets: Tensor, *, shares: Tensor, a: Tensor, b: Tensor, alpha: Tensor, margin: float
) -> Tensor:
    """Sum over labels of the AUC margin loss, minimal in scores, a and b and maximal in alpha >= 0.

    `(1 - p) mean[(h - a)^2 y] + p mean[(h - b)^2 (1 - y)] + 2 alpha (p (1 - p) m + mean[p h (1 - y) - (1 - p) h y])
    - p (1 - p) alpha^2` (Yuan et al. 2021, eq. 5), h the score, y 1 where the label is present and p the share of images
    that it is present in. Means are over the entries of a label that are known; a label without any counts 0.

    p is that of all images that are drawn, as printed, and not of the batch, so that a batch's gradient is an unbiased
    estimate. A label that is always present, or never, has p (1 - p) = 0 and loss 0 throughout.

    Args:
        scores: [batch, labels], in [0, 1].
        targets: [batch, labels], probability that the label is present; NaN where it is left out.
        shares: [labels], p.
        a: [labels], follows the mean score where the label is present.
        b: [labels], follows the mean score where it is absent.
        alpha: [labels], the dual variable.
        margin: m, how far the two means shall lie apart.
    """
    known = ~targets.isnan()
    present = filled(targets)
    absent = known.to(scores) - present
    count = known.sum(0).clamp_min(1)
    spread = (1 - shares) * ((scores - a).square() * present).sum(0) + shares * ((scores - b).square() * absent).sum(0)
    reversal = shares * (scores * absent).sum(0) - (1 - shares) * (scores * present).sum(0)
    both = shares * (1 - shares)
    losses = spread / count + 2 * alpha * (both * margin + reversal / count) - both * alpha.square()
    return (losses * known.any(0)).sum()


def positive_shares(targets: Tensor, weights: Tensor) -> Tensor:
    """Share of the known entries of each label in which it is present, [labels]; 0 for a label that nobody knows.

    Args:
        targets: [images, labels], NaN where a label is left out.
        weights: [images], how often each image is drawn.
    """
    known = ~targets.isnan()
    drawn = weights.double()[:, None]
    return (drawn * filled(targets)).sum(0) / (drawn * known).sum(0).clamp_min(1e-300)


class AucMarginLoss(TrainedLoss):
    """`auc_margin` of a network, with a, b and alpha of each label, after some epochs of cross entropy.

    Scores are sigmoids for several labels. With one class an image they are the probabilities of a softmax, each class
    against the rest. a, b and alpha start at 0.

    Args:
        shares: [labels or classes], p.
        spec: margin, and how many epochs minimise cross entropy first.
        exclusive: whether an image has one class; then targets are class numbers.
    """

    shares: Tensor

    def __init__(self, shares: Tensor, spec: AucMargin, *, exclusive: bool) -> None:
        super().__init__()
        self.spec, self.exclusive = spec, exclusive
        self.register_buffer("shares", shares.float(), persistent=False)
        self.a, self.b, self.alpha = (nn.Parameter(torch.zeros(len(shares))) for _ in range(3))
        self.pretraining = spec.pretrain_epochs > 0

    def begin_epoch(self, epoch: int) -> None:
        """See `TrainedLoss`."""
        self.pretraining = epoch < self.spec.pretrain_epochs

    def minimised(self) -> list[nn.Parameter]:
        """See `TrainedLoss`."""
        return [self.a, self.b]

    def maximised(self) -> list[nn.Parameter]:
        """See `TrainedLoss`."""
        return [self.alpha]

    def forward(self, classifier: Classifier, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """See `Loss`."""
        logits = at_least_float32(classifier(images))
        if self.pretraining:
            return (functional.cross_entropy if self.exclusive else binary_cross_entropy)(logits, targets), logits
        present = functional.one_hot(targets, len(self.shares)).to(logits) if self.exclusive else targets
        scores = torch.softmax(logits, dim=-1) if self.exclusive else torch.sigmoid(logits)
        variables = {"a": self.a, "b": self.b, "alpha": self.alpha}
        return auc_margin(scores, present, shares=self.shares, margin=self.spec.margin, **variables), logits
