"""What a trial minimises: one description a loss, with the settings that it alone has. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from trainables.spec.limits import require_not_negative, require_rate


@dataclass(frozen=True, kw_only=True)
class CrossEntropy:
    """Cross entropy, with label smoothing if asked for."""

    kind: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        require_rate("loss/label_smoothing", self.label_smoothing)


@dataclass(frozen=True, kw_only=True)
class WeightedCrossEntropy:
    """Cross entropy weighted by the inverse class frequency of the training split."""

    kind: Literal["weighted_cross_entropy"] = "weighted_cross_entropy"


@dataclass(frozen=True, kw_only=True)
class Focal:
    """Focal loss, the mean of alpha_t (1 - p)^gamma (-log p) (Lin et al. 2017).

    Attributes:
        gamma: how fast what is right already stops to count; 0 is cross entropy.
        alpha: balance of the outcomes in [0, 1], or None for none. With several labels, the weight of a label's presence,
            1 - alpha being that of its absence. With one class an image, how far the classes are weighted by the inverse
            of their frequency: 0 not at all, 1 wholly.
    """

    kind: Literal["focal"] = "focal"
    gamma: float = 2.0
    alpha: float | None = None

    def __post_init__(self) -> None:
        require_not_negative("loss/gamma", self.gamma)
        if self.alpha is not None and not 0 <= self.alpha <= 1:
            raise ValueError(f"loss/alpha is {self.alpha}; it lies in [0, 1], or leave it out.")


@dataclass(frozen=True, kw_only=True)
class ConfidencePenalty:
    """Cross entropy - beta * entropy of the prediction (Pereyra et al. 2017): confidence has a price.

    Attributes:
        beta: weight of the entropy; 0 is cross entropy.
    """

    kind: Literal["confidence_penalty"] = "confidence_penalty"
    beta: float = 0.1

    def __post_init__(self) -> None:
        require_not_negative("loss/beta", self.beta)


@dataclass(frozen=True, kw_only=True)
class ClassDistinct:
    """Cross entropy + lambda_cd * L_CD + lambda_sc * L_SC on Grad-CAM maps of all classes (paper P2).

    Attributes:
        lambda_cd: weight of L_CD, the mean cosine similarity over pairs of classes: maps of different classes differ.
        representation: what L_CD compares: the `maps` themselves, or the feature maps that the `network` makes of them
            when they are fed through it as images. The latter is the paper's, and costs as many more images in a step
            as there are maps.
        lambda_sc: weight of L_SC: neighbours within a bright region of a map are equally bright.
        sc_resolution: side in pixels to which maps are upsampled for L_SC, such as 56 or 224, or None for the feature
            map's own. The window of 9 x 9 pixels covers nearly the whole of a 7 x 7 map, and little of a large one.
    """

    kind: Literal["class_distinct"] = "class_distinct"
    lambda_cd: float = 1.0
    representation: Literal["maps", "network"] = "maps"
    lambda_sc: float = 0.0
    sc_resolution: int | None = None

    def __post_init__(self) -> None:
        require_not_negative("loss/lambda_cd", self.lambda_cd)
        require_not_negative("loss/lambda_sc", self.lambda_sc)
        if self.sc_resolution is not None and self.sc_resolution < 2:
            raise ValueError(
                f"loss/sc_resolution is {self.sc_resolution}; give a side in pixels, 2 or more, or leave it out for the "
                "resolution of the feature map."
            )


@dataclass(frozen=True, kw_only=True)
class AucMargin:
    """AUC min-max margin loss (Yuan et al. 2021), which `Optimizer(kind="pesg")` solves.

    Attributes:
        margin: how far the mean scores of images with and without a label shall lie apart; scores lie in [0, 1].
        pretrain_epochs: epochs of cross entropy in front, which the authors recommend.
    """

    kind: Literal["auc_margin"] = "auc_margin"
    margin: float = 1.0
    pretrain_epochs: int = 0

    def __post_init__(self) -> None:
        if not self.margin > 0:
            raise ValueError(f"loss/margin is {self.margin}; it must be above 0.")
        require_not_negative("loss/pretrain_epochs", self.pretrain_epochs)


LossSpec: TypeAlias = CrossEntropy | WeightedCrossEntropy | Focal | ConfidencePenalty | ClassDistinct | AucMargin
