"""What one or several networks say about the images of a split, as logits.

No field holds probabilities: they are made by `log_probs`, and members are pooled in log space, where normalising twice
changes nothing. One network is an ensemble of one, samples of a Laplace posterior have the same shape.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from trainables.image_predictions import (
    join_members,
    read_rows,
    require_rows,
    require_same_images,
    unequal_counts,
    write_rows,
)

__all__ = ["LEAST_LOG_PROB", "Predictions", "join_members", "pool", "require_same_images"]

LEAST_LOG_PROB = -1e4
"""Stands for the logarithm of 0 where pooled probabilities become logits, which are finite."""


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Logits of the members for the images of one split, with the truth.

    Attributes:
        logits: [members, images, classes], finite, before any softmax.
        targets: [images], class numbers.
        image_ids: one name an image, all different; predictions are joined by them.
        split: `train`, `val`, `calib`, `test`, or the name of an external data set.

    Raises:
        ValueError: shapes that do not fit, non-finite logits, rows that are probabilities already, doubled ids.
    """

    logits: Tensor
    targets: Tensor
    image_ids: tuple[str, ...]
    split: str

    def __post_init__(self) -> None:
        require_rows(self, "classes", least=2)
        if self.targets.shape != (len(self),):
            raise ValueError(unequal_counts(self))
        if _are_probabilities(self.logits):
            raise ValueError(
                f"Predictions on {self.split!r} was given rows that are non-negative and sum to 1: probabilities. "
                "A softmax over them would flatten them. Pass the logits, or the logarithm of the probabilities."
            )
        if self.targets.min() < 0 or self.targets.max() >= self.classes:
            raise ValueError(
                f"Predictions has targets from {int(self.targets.min())} to {int(self.targets.max())}, and {self.classes} "
                f"classes; targets lie in 0 to {self.classes - 1}."
            )

    @property
    def members(self) -> int:
        """Number of members."""
        return self.logits.shape[0]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.logits.shape[2]

    def __len__(self) -> int:
        return self.logits.shape[1]

    def log_probs(self) -> Tensor:
        """Log probabilities of every member, [members, images, classes], in double precision."""
        return torch.log_softmax(self.logits.double(), dim=-1)

    def pooled_log_probs(self) -> Tensor:
        """Logarithm of the members' mean probability, [images, classes], in double precision."""
        return pool(self.log_probs())

    def pooled(self) -> Predictions:
        """The ensemble as a single member, whose logits are the pooled log probabilities."""
        logits = self.pooled_log_probs().clamp_min(LEAST_LOG_PROB)[None]
        return Predictions(logits=logits, targets=self.targets, image_ids=self.image_ids, split=self.split)

    def with_logits(self, logits: Tensor) -> Self:
        """The same images under other logits, [members, images, classes]."""
        return type(self)(logits=logits, targets=self.targets, image_ids=self.image_ids, split=self.split)

    def save(self, path: Path) -> None:
        """Write a safetensors file; ids and split stand in its header."""
        write_rows(self, path)

    @staticmethod
    def load(path: Path) -> Predictions:
        """Read what `save` wrote; of a file of any kind `trainables.multilabel.load_predictions` knows the type.

        Raises:
            ValueError: the file holds predictions of another kind.
        """
        return Predictions(**read_rows(path, kind=""))


def pool(log_probs: Tensor) -> Tensor:
    """Logarithm of the members' mean probability, from [members, images, classes] to [images, classes]."""
    return torch.logsumexp(log_probs, dim=0) - math.log(len(log_probs))


def _are_probabilities(logits: Tensor) -> bool:
    return bool((logits >= 0).all()) and bool(((logits.double().sum(-1) - 1).abs() < 1e-3).all())
