"""What all kinds of predictions share: their checks, their joining, their file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor


class ImagePredictions(Protocol):
    """What every kind of predictions has; see `Predictions` and `trainables.multilabel.MultiLabelPredictions`."""

    @property
    def logits(self) -> Tensor:
        """[members, images, classes or labels]."""
        ...

    @property
    def targets(self) -> Tensor:
        """[images, ...]."""
        ...

    @property
    def image_ids(self) -> tuple[str, ...]:
        """One name an image."""
        ...

    @property
    def split(self) -> str:
        """Name of the split."""
        ...

    def with_logits(self, logits: Tensor) -> Self:
        """The same images under other logits."""
        ...


Kind = TypeVar("Kind", bound=ImagePredictions)


def join_members(predictions: Sequence[Kind]) -> Kind:
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


def require_same_images(one: ImagePredictions, other: ImagePredictions) -> None:
    """Refuse two predictions that are not about the same images in the same order; unknown labels equal each other.

    Raises:
        ValueError: the first place where they differ.
    """
    if one.image_ids != other.image_ids:
        place = next(
            (n for n, (a, b) in enumerate(zip(one.image_ids, other.image_ids, strict=False)) if a != b),
            min(len(one.image_ids), len(other.image_ids)),
        )
        raise ValueError(
            f"Predictions of {len(one.image_ids)} and {len(other.image_ids)} images differ from row {place} on: they are "
            "not about the same images in the same order. Predict both on the same split."
        )
    if not _same_truth(one.targets, other.targets):
        raise ValueError("Predictions about the same images hold different targets. They come from different labels.")


def require_rows(predictions: ImagePredictions, columns: str, *, least: int) -> None:
    """What every kind of predictions refuses: logits of another shape, doubled ids, numbers that are none.

    Args:
        predictions: of any kind.
        columns: what the last dimension of the logits is.
        least: how many of them there are at least.

    Raises:
        ValueError: see above.
    """
    kind, logits = type(predictions).__name__, predictions.logits
    if logits.ndim != 3:
        raise ValueError(
            f"{kind} wants logits[members, images, {columns}], got shape {tuple(logits.shape)}. "
            "A single network is an ensemble of one: pass logits[None]."
        )
    if min(logits.shape[:2]) < 1 or logits.shape[2] < least:
        wanted = f"{'two' if least == 2 else 'one'} {columns}"
        raise ValueError(f"{kind} wants a member, an image and {wanted} at least, got {tuple(logits.shape)}.")
    if len(predictions.image_ids) != logits.shape[1]:
        raise ValueError(unequal_counts(predictions))
    if len(set(predictions.image_ids)) != logits.shape[1]:
        raise ValueError(f"{kind} has doubled image ids, so that rows cannot be told apart.")
    if not torch.isfinite(logits).all():
        raise ValueError(f"{kind} on {predictions.split!r} has non-finite logits; the network has diverged.")


def unequal_counts(predictions: ImagePredictions) -> str:
    """The sentence about logits, targets and ids that are not of the same images."""
    return (
        f"{type(predictions).__name__} has logits of shape {tuple(predictions.logits.shape)}, targets of shape "
        f"{tuple(predictions.targets.shape)} and {len(predictions.image_ids)} image ids; the three must agree."
    )


def write_rows(predictions: ImagePredictions, path: Path, *, kind: str = "") -> None:
    """Write predictions of any kind as a safetensors file whose header names ids, split and kind."""
    header = {"image_ids": "\n".join(predictions.image_ids), "split": predictions.split}
    tensors = {"logits": predictions.logits.contiguous(), "targets": predictions.targets.contiguous()}
    save_file(tensors, path, metadata={**header, "kind": kind} if kind else header)


def read_rows(path: Path, *, kind: str) -> dict[str, Any]:
    """The fields of what `write_rows` wrote.

    Raises:
        ValueError: the file is of another kind.
    """
    header, tensors = _header(path), load_file(path)
    if header.get("kind", "") != kind:
        raise ValueError(
            f"{path.name} holds predictions of the kind {header.get('kind') or 'multiclass'!r}, and was read as "
            f"{kind or 'multiclass'!r}. Use load_predictions()."
        )
    return {**tensors, "image_ids": tuple(header["image_ids"].split("\n")), "split": header["split"]}


def kind_of(path: Path) -> str:
    """The kind in the header of stored predictions, empty for one class an image; reads nothing else."""
    return _header(path).get("kind", "")


def _header(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        header: dict[str, str] = file.metadata()
    return header


def _same_truth(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    return bool(((one == other) | (one.isnan() & other.isnan())).all())
