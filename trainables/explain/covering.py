"""Maps made by covering parts of an image and looking at what the network then says."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from trainables.explain.grad_cam import in_eval_mode
from trainables.models.classifier import Classifier

WINDOWS = 8
MASKS = 256
MASK_CELLS = 7
PASS = 32


def occlusion(classifier: Classifier, images: Tensor, classes: Tensor, seed: int = 0) -> Tensor:
    """How much the logit falls when a window is covered (Zeiler and Fergus 2014), [batch, height, width], negative as 0.

    Windows are an eighth of the side and move by half of that; they are filled with the mean of the image. A pixel has the
    mean of the windows over it. captum has the method with a fixed baseline; a test compares both there.
    """
    height, width = images.shape[2:]
    window = (max(1, height // WINDOWS), max(1, width // WINDOWS))
    corners = [(row, column) for row in _starts(height, window[0]) for column in _starts(width, window[1])]
    fill = images.mean((2, 3), keepdim=True)
    total, count = torch.zeros_like(images[:, 0]), torch.zeros_like(images[0, 0])
    with torch.no_grad(), in_eval_mode(classifier):
        whole = classifier(images).gather(1, classes[:, None])[:, 0]
        for row, column in corners:
            covered = images.clone()
            covered[:, :, row : row + window[0], column : column + window[1]] = fill
            fall = whole - classifier(covered).gather(1, classes[:, None])[:, 0]
            total[:, row : row + window[0], column : column + window[1]] += fall[:, None, None]
            count[row : row + window[0], column : column + window[1]] += 1
    return torch.relu(total / count)


def rise(classifier: Classifier, images: Tensor, classes: Tensor, seed: int = 0) -> Tensor:
    """The mean of 256 random masks, weighted by the probability that the masked image has (RISE; Petsiuk et al. 2018).

    Masks are grids of 7 x 7 cells, each kept with probability one half, enlarged bilinearly and shifted at random by less
    than a cell; they are the same for every image. Of several labels see `rise_of_labels`.
    """
    return _weighted_masks(classifier, images, classes, seed, lambda logits: logits.softmax(1))


def rise_of_labels(classifier: Classifier, images: Tensor, classes: Tensor, seed: int = 0) -> Tensor:
    """The same weighted by the sigmoid of the label, which the other labels have no part in."""
    return _weighted_masks(classifier, images, classes, seed, torch.sigmoid)


def _weighted_masks(
    classifier: Classifier, images: Tensor, classes: Tensor, seed: int, probabilities: Callable[[Tensor], Tensor]
) -> Tensor:
    height, width = images.shape[2:]
    masks = random_masks(height, width, seed=seed).to(images)
    total = torch.zeros_like(images[:, 0])
    with torch.no_grad(), in_eval_mode(classifier):
        for some in torch.split(masks, max(1, PASS // max(1, len(images)))):
            masked = (images[:, None] * some[None, :, None]).flatten(0, 1)
            chosen = probabilities(classifier(masked).float()).gather(1, classes.repeat_interleave(len(some))[:, None])
            total += torch.einsum("bm,mhw->bhw", chosen.reshape(len(images), len(some)), some)
    return total / masks.sum(0)


def random_masks(height: int, width: int, *, seed: int) -> Tensor:
    """Masks of RISE, [masks, height, width] in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    cell = (math.ceil(height / MASK_CELLS), math.ceil(width / MASK_CELLS))
    kept = (torch.rand(MASKS, 1, MASK_CELLS + 1, MASK_CELLS + 1, generator=generator) < 0.5).float()
    size = ((MASK_CELLS + 1) * cell[0], (MASK_CELLS + 1) * cell[1])
    large = functional.interpolate(kept, size=size, mode="bilinear", align_corners=False)[:, 0]
    rows = torch.randint(cell[0], (MASKS,), generator=generator).tolist()
    columns = torch.randint(cell[1], (MASKS,), generator=generator).tolist()
    return torch.stack(
        [
            mask[row : row + height, column : column + width]
            for mask, row, column in zip(large, rows, columns, strict=True)
        ]
    )


def _starts(side: int, window: int) -> list[int]:
    """Where windows begin that cover a side and move by half of their width."""
    return sorted({*range(0, side - window + 1, max(1, window // 2)), side - window})
