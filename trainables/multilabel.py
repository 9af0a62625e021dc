"""What networks say about images that may have several labels at once: logits of a sigmoid a label.

A type of its own beside `Predictions`, so that nothing puts a softmax over labels that do not exclude each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from trainables.image_predictions import kind_of, read_rows, require_rows, unequal_counts, write_rows
from trainables.predictions import Predictions, pool

KIND = "multilabel"
NEAR_BOUND = 0.05


@dataclass(frozen=True, kw_only=True)
class MultiLabelPredictions:
    """Logits of the members for the images of one split, with the truth as far as it is known.

    Attributes:
        logits: [members, images, labels], finite, before any sigmoid.
        targets: [images, labels], probability that the label is present, 0 or 1 as a rule; NaN where nobody knows.
        image_ids: one name an image, all different; predictions are joined by them.
        split: `train`, `val`, `calib`, `test`, or the name of an external data set.

    Raises:
        ValueError: shapes that do not fit, non-finite logits, doubled ids, targets beyond [0, 1], or logits that end
            near 0 and near 1: probabilities. (Sigmoids need not sum to anything. Logits of a network that has hardly
            learnt may all lie between 0 and 1, but they do not stop short at both ends.)
    """

    logits: Tensor
    targets: Tensor
    image_ids: tuple[str, ...]
    split: str

    def __post_init__(self) -> None:
        require_rows(self, "label", least=1)
        if self.targets.shape != self.logits.shape[1:]:
            raise ValueError(unequal_counts(self))
        if _are_probabilities(self.logits):
            raise ValueError(
                f"MultiLabelPredictions on {self.split!r} was given numbers that fill the range from 0 to 1 and never leave "
                "it: probabilities. A sigmoid over them would flatten them. Pass the logits, log p - log(1 - p)."
            )
        known = self.targets[~self.targets.isnan()]
        if not self.targets.is_floating_point() or ((known < 0) | (known > 1)).any():
            raise ValueError(
                f"MultiLabelPredictions on {self.split!r} has targets of type {self.targets.dtype} that are no "
                "probabilities. Pass floating-point numbers from 0 to 1, and NaN where a label is left out."
            )

    @property
    def members(self) -> int:
        """Number of members."""
        return self.logits.shape[0]

    @property
    def labels(self) -> int:
        """Number of labels."""
        return self.logits.shape[2]

    def __len__(self) -> int:
        return self.logits.shape[1]

    def known(self) -> Tensor:
        """[images, labels], where the truth is known."""
        return ~self.targets.isnan()

    def log_probs(self) -> Tensor:
        """Log probability of every label, [members, images, labels], in double precision."""
        return functional.logsigmoid(self.logits.double())

    def log_complements(self) -> Tensor:
        """Log probability that the label is absent, [members, images, labels], in double precision."""
        return functional.logsigmoid(-self.logits.double())

    def pooled_log_probs(self) -> Tensor:
        """Logarithm of the members' mean probability of every label, [images, labels], in double precision."""
        return pool(self.log_probs())

    def pooled_log_odds(self) -> Tensor:
        """Log odds log p - log(1 - p) of the members' mean probability, [images, labels], in double precision."""
        return log_odds_of(self.logits)

    def pooled(self) -> Self:
        """The ensemble as a single member, whose logits are the pooled log odds."""
        return self.with_logits(self.pooled_log_odds()[None])

    def with_logits(self, logits: Tensor) -> Self:
        """The same images under other logits, [members, images, labels]."""
        return type(self)(logits=logits, targets=self.targets, image_ids=self.image_ids, split=self.split)

    def save(self, path: Path) -> None:
        """Write a safetensors file; ids, split and kind stand in its header."""
        write_rows(self, path, kind=KIND)

    @staticmethod
    def load(path: Path) -> MultiLabelPredictions:
        """Read what `save` wrote.

        Raises:
            ValueError: the file holds predictions of another kind.
        """
        return MultiLabelPredictions(**read_rows(path, kind=KIND))


AnyPredictions: TypeAlias = Predictions | MultiLabelPredictions


def load_predictions(path: Path) -> AnyPredictions:
    """Read stored predictions as the type that wrote them."""
    return MultiLabelPredictions.load(path) if kind_of(path) == KIND else Predictions.load(path)


def log_odds_of(logits: Tensor) -> Tensor:
    """Log odds of the members' mean probability, from logits [members, images, labels] to [images, labels].

    Both logarithms come from the logits themselves, so the difference is finite wherever they are. The log odds of a
    single member are its logits.
    """
    members = logits.double()
    if len(members) == 1:
        return members[0]
    return pool(functional.logsigmoid(members)) - pool(functional.logsigmoid(-members))


def _are_probabilities(logits: Tensor) -> bool:
    low, high = float(logits.min()), float(logits.max())
    return 0 <= low < NEAR_BOUND and 1 - NEAR_BOUND < high <= 1


def outcomes_of(logits: Tensor) -> Tensor:
    """Log probabilities of absent and present, [..., labels, 2], in double precision: a label as two classes."""
    return torch.stack([functional.logsigmoid(-logits.double()), functional.logsigmoid(logits.double())], dim=-1)
