"""The perturbation curve of Quantus under our convention: same regions, same noise, softmax of the predicted class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn


def quantus_falls(
    network: nn.Module, images: Tensor, maps: Tensor, perturbed: Tensor, predicted: Tensor, *, patch: int
) -> NDArray[np.float64]:
    """`f(x_0) - f(x_k)` for k = 1 to L, [images, L], by `quantus.RegionPerturbation`.

    Args:
        network: gives logits; in eval mode.
        images: [images, 1, side, side], the side a multiple of `patch`.
        maps: [images, side, side].
        perturbed: the same images with every region perturbed; Quantus is handed its pixels.
        predicted: [images], the class that is followed.
        patch: side of a region in pixels.
    """
    import quantus

    shown = perturbed.numpy().reshape(len(images), -1)

    def perturb(arr: NDArray[Any], indices: NDArray[Any], **_: Any) -> NDArray[Any]:
        rows = np.arange(len(arr))[:, None]
        changed = arr.copy()
        changed[rows, indices] = shown[rows, indices]
        return changed

    metric = quantus.RegionPerturbation(
        patch_size=patch,
        regions_evaluation=(images.shape[-1] // patch) ** 2,
        perturb_func=perturb,
        normalise=False,
        disable_warnings=True,
        display_progressbar=False,
    )
    falls = metric(
        model=network,
        x_batch=images.numpy(),
        y_batch=predicted.numpy(),
        a_batch=maps[:, None].numpy(),
        softmax=True,
        device="cpu",
        batch_size=len(images),
    )
    return np.asarray(falls, dtype=np.float64)
