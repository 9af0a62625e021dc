"""Training of the U-Net that maps the lungs, and how well its maps fit to masks.

It learns from the train split alone. Its maps of that split are in-sample: a classifier is trained on better maps than it
meets later, by as much as `train/dice` is above `val/dice`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainables.data.images import ImageSet, Rows
from trainables.epoch_report import epoch_seed
from trainables.models.unet import LungMap, build_lung_map
from trainables.predict import to_intensities
from trainables.spec import SPLITS, LungSegmentation

THRESHOLD = 0.5
BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """A trained U-Net.

    Attributes:
        weights: of a `LungMap`, of its best epoch.
        metrics: `<split>/dice` and `<split>/iou` of every split that has images.
        best_epoch: the first one with the highest Dice on val.
        epochs: `train/loss` and `val/dice` of each epoch.
        seconds: `fit` and `evaluate`.
    """

    weights: Mapping[str, Tensor]
    metrics: Mapping[str, float]
    best_epoch: int
    epochs: tuple[Mapping[str, float], ...]
    seconds: Mapping[str, float]


def train_lungs(
    spec: LungSegmentation, images: ImageSet, masks: Rows[np.bool_], *, device: torch.device | None = None
) -> Segmentation:
    """Train a U-Net by Adam on cross entropy + soft Dice loss, and keep the epoch with the best Dice on val.

    Args:
        spec: what is trained.
        images: the whole data set; train is learnt, val chooses the epoch, the other splits are only measured.
        masks: [images, height, width], the lungs of each image.
        device: where to train.

    Raises:
        ValueError: masks that are not those of the images, or a train split of less than two images.
        FloatingPointError: the loss is no finite number any more.
    """
    _require_trainable(images, masks)
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    lung_map = build_lung_map(spec).to(device)
    optimizer = torch.optim.Adam(lung_map.parameters(), lr=spec.learning_rate)
    rows = {split: np.flatnonzero(images.splits == split) for split in SPLITS}
    chosen_on = rows["val"] if len(rows["val"]) else rows["train"]
    epochs: list[Mapping[str, float]] = []
    best, best_epoch, weights = -math.inf, 0, _weights(lung_map)
    started = time.perf_counter()
    for epoch in range(spec.epochs):
        loss = _learn(lung_map, optimizer, spec, epoch, images.pixels.take(rows["train"]), masks.take(rows["train"]))
        value = overlap(lung_map, images.pixels.take(chosen_on), masks.take(chosen_on))["dice"]
        epochs.append({"train/loss": loss, "val/dice": value})
        if value > best:
            best, best_epoch, weights = value, epoch + 1, _weights(lung_map)
    fitted = time.perf_counter()
    lung_map.load_state_dict(weights)
    metrics = {
        f"{split}/{name}": value
        for split, some in rows.items()
        if len(some)
        for name, value in overlap(lung_map, images.pixels.take(some), masks.take(some)).items()
    }
    seconds = {"fit": fitted - started, "evaluate": time.perf_counter() - fitted}
    return Segmentation(weights=weights, metrics=metrics, best_epoch=best_epoch, epochs=tuple(epochs), seconds=seconds)


@torch.no_grad()
def overlap(lung_map: LungMap, pixels: Rows[np.uint8], masks: Rows[np.bool_]) -> dict[str, float]:
    """Mean Dice and IoU of images, an image at least: maps of at least 0.5, at the images' own size, against masks.

    Args:
        lung_map: draws the maps; evaluated in eval mode and left in the mode it was in.
        pixels: [images, height, width] grey values.
        masks: [images, height, width].
    """
    device, training = next(lung_map.parameters()).device, lung_map.training
    lung_map.eval()
    found: list[Tensor] = []
    for start in range(0, len(pixels), BATCH):
        some = slice(start, start + BATCH)
        soft = lung_map(to_intensities(torch.from_numpy(pixels[some]).to(device)))
        drawn, true = (soft[:, 0] >= THRESHOLD).cpu(), torch.from_numpy(masks[some])
        found.append(torch.stack([dice(drawn, true), iou(drawn, true)]))
    lung_map.train(training)
    means = torch.cat(found, dim=1).double().mean(1)
    return {"dice": float(means[0]), "iou": float(means[1])}


def dice(maps: Tensor, masks: Tensor) -> Tensor:
    """Dice of each image, [images]: 2 |A and B| / (|A| + |B|), and 1 where both are empty (Dice 1945).

    Args:
        maps: [images, height, width] bool.
        masks: [images, height, width] bool.
    """
    both, sizes = (maps & masks).sum((1, 2)), maps.sum((1, 2)) + masks.sum((1, 2))
    return torch.where(sizes > 0, 2 * both / sizes.clamp_min(1), 1.0)


def iou(maps: Tensor, masks: Tensor) -> Tensor:
    """Intersection over union of each image, [images], and 1 where both are empty (Jaccard 1912); arguments as of `dice`."""
    both, either = (maps & masks).sum((1, 2)), (maps | masks).sum((1, 2))
    return torch.where(either > 0, both / either.clamp_min(1), 1.0)


def segmentation_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross entropy over the pixels, plus the soft Dice loss of each image, both in the mean.

    The latter is `1 - (2 sum(p t) + 1) / (sum(p) + sum(t) + 1)` (Milletari et al. 2016 without their squares): the ones
    make it defined, and falling with p, where a mask is empty.

    Args:
        logits: [batch, 1, height, width].
        targets: of the same shape, share of lung in [0, 1].
    """
    shares = torch.sigmoid(logits)
    both, sizes = (shares * targets).sum((1, 2, 3)), shares.sum((1, 2, 3)) + targets.sum((1, 2, 3))
    soft_dice = (2 * both + 1) / (sizes + 1)
    return functional.binary_cross_entropy_with_logits(logits, targets) + (1 - soft_dice).mean()


def _learn(
    lung_map: LungMap,
    optimizer: torch.optim.Optimizer,
    spec: LungSegmentation,
    epoch: int,
    pixels: Rows[np.uint8],
    masks: Rows[np.bool_],
) -> float:
    """One pass over the train split; returns the mean loss."""
    device = next(lung_map.parameters()).device
    lung_map.train()
    batches = list(_batches(len(pixels), spec, epoch))
    total, seen = 0.0, 0
    for step, rows in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = spec.learning_rate * _cosine((epoch + step / len(batches)) / spec.epochs)
        images = lung_map.resized(to_intensities(torch.from_numpy(pixels[rows]).to(device)))
        targets = lung_map.resized(torch.from_numpy(masks[rows])[:, None].float().to(device))
        loss = segmentation_loss(lung_map.logits(images), targets)
        if not math.isfinite(loss.item()):
            raise FloatingPointError(
                f"The loss of the lung segmentation is {loss.item()} at epoch {epoch + 1}, step {step + 1}. A smaller "
                f"lungs/segmentation/learning_rate than {spec.learning_rate:g} helps as a rule."
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total, seen = total + loss.item() * len(rows), seen + len(rows)
    return total / seen


def _batches(count: int, spec: LungSegmentation, epoch: int) -> Iterator[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Rows of each batch in the epoch's order; a last batch of one image is left out, because batch norm needs two."""
    generator = torch.Generator().manual_seed(epoch_seed(spec.seed, epoch, "lungs order"))
    for rows in torch.split(torch.randperm(count, generator=generator), spec.batch_size):
        if len(rows) > 1:
            yield rows.numpy()


def _cosine(done: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * done))


def _weights(lung_map: LungMap) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in lung_map.state_dict().items()}


def _require_trainable(images: ImageSet, masks: Rows[np.bool_]) -> None:
    if masks.shape != images.pixels.shape:
        raise ValueError(
            f"train_lungs() got masks of shape {masks.shape} for images of shape {images.pixels.shape}. Give one mask an "
            "image, in the same order and size."
        )
    if (count := int((images.splits == "train").sum())) < 2:
        raise ValueError(f"train_lungs() needs two images in the train split at least, and it has {count}.")
