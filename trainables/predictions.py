"""What one or several networks say about the images of a split, as logits.

No field holds probabilities: they are made by `log_probs`, and members are pooled in log space, where normalising twice
changes nothing. One network is an ensemble of one, samples of a Laplace posterior have the same shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

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
        if self.logits.ndim != 3:
            raise ValueError(
                f"Predictions wants logits[members, images, classes], got shape {tuple(self.logits.shape)}. "
                "A single network is an ensemble of one: pass logits[None]."
            )
        members, images, classes = self.logits.shape
        if members < 1 or images < 1 or classes < 2:
            raise ValueError(
                f"Predictions wants a member, an image and two classes at least, got {tuple(self.logits.shape)}."
            )
        if self.targets.shape != (images,) or len(self.image_ids) != images:
            raise ValueError(
                f"Predictions has logits of {images} images, {tuple(self.targets.shape)} targets and "
                f"{len(self.image_ids)} image ids; the three must agree."
            )
        if len(set(self.image_ids)) != images:
            raise ValueError("Predictions has doubled image ids, so that rows cannot be told apart.")
        if not torch.isfinite(self.logits).all():
            raise ValueError(f"Predictions on {self.split!r} has non-finite logits; the network has diverged.")
        if _are_probabilities(self.logits):
            raise ValueError(
                f"Predictions on {self.split!r} was given rows that are non-negative and sum to 1: probabilities. "
                "A softmax over them would flatten them. Pass the logits, or the logarithm of the probabilities."
            )
        if self.targets.min() < 0 or self.targets.max() >= classes:
            raise ValueError(
                f"Predictions has targets from {int(self.targets.min())} to {int(self.targets.max())}, and {classes} "
                f"classes; targets lie in 0 to {classes - 1}."
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

    def with_logits(self, logits: Tensor) -> Predictions:
        """The same images under other logits, [members, images, classes]."""
        return Predictions(logits=logits, targets=self.targets, image_ids=self.image_ids, split=self.split)

    def save(self, path: Path) -> None:
        """Write a safetensors file; ids and split stand in its header."""
        header = {"image_ids": "\n".join(self.image_ids), "split": self.split}
        tensors = {"logits": self.logits.contiguous(), "targets": self.targets.contiguous()}
        save_file(tensors, path, metadata=header)

    @staticmethod
    def load(path: Path) -> Predictions:
        """Read what `save` wrote."""
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            header = file.metadata()
        tensors = load_file(path)
        ids = tuple(header["image_ids"].split("\n"))
        return Predictions(logits=tensors["logits"], targets=tensors["targets"], image_ids=ids, split=header["split"])


def pool(log_probs: Tensor) -> Tensor:
    """Logarithm of the members' mean probability, from [members, images, classes] to [images, classes]."""
    return torch.logsumexp(log_probs, dim=0) - math.log(len(log_probs))


def join_members(predictions: Sequence[Predictions]) -> Predictions:
    """Stack the members of several predictions about the same images.

    Raises:
        ValueError: nothing to join, other images or another order of them, another truth or split.
    """
    if not predictions:
        raise ValueError("join_members() got no predictions. Pass at least one.")
    first = predictions[0]
    for other in predictions[1:]:
        require_same_images(first, other)
    return first.with_logits(torch.cat([each.logits for each in predictions]))


def require_same_images(one: Predictions, other: Predictions) -> None:
    """Refuse two predictions that are not about the same images in the same order.

    Raises:
        ValueError: the first place where they differ.
    """
    if one.image_ids != other.image_ids:
        place = next(
            (n for n, (a, b) in enumerate(zip(one.image_ids, other.image_ids, strict=False)) if a != b),
            min(len(one), len(other)),
        )
        raise ValueError(
            f"Predictions of {len(one)} and {len(other)} images differ from row {place} on: they are not about the same "
            "images in the same order. Predict both on the same split."
        )
    if not torch.equal(one.targets, other.targets):
        raise ValueError("Predictions about the same images hold different targets. They come from different labels.")


def _are_probabilities(logits: Tensor) -> bool:
    return bool((logits >= 0).all()) and bool(((logits.double().sum(-1) - 1).abs() < 1e-3).all())
