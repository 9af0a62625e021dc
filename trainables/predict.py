"""One pass over images: logits and penultimate features together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.data.images import ImageSet, Rows
from trainables.models import Classifier
from trainables.multilabel import AnyPredictions, MultiLabelPredictions
from trainables.predictions import Predictions

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the images done and the images there are."""


def to_intensities(pixels: Tensor) -> Tensor:
    """Grey values [batch, height, width] of uint8 to intensities [batch, 1, height, width] in [0, 1]."""
    return pixels.unsqueeze(1).float().div_(255)


@torch.no_grad()
def logits_of(
    classifier: Classifier,
    pixels: NDArray[np.uint8] | Rows[np.uint8],
    *,
    batch_size: int = 64,
    on_progress: Progress | None = None,
) -> tuple[Tensor, Tensor]:
    """Run the network once over decoded images, on the device it lies on; no label is needed.

    Args:
        classifier: network; evaluated in eval mode and left in the mode it was in.
        pixels: [images, height, width] grey values, an image at least; may be memory-mapped.
        batch_size: images at a time; changes memory only.
        on_progress: told after every batch.

    Returns:
        Logits [members, images, classes] and features [images, features], float32 on the CPU.
    """
    device = next(classifier.parameters()).device
    training = classifier.training
    classifier.eval()
    logits, features = [], []
    for start in range(0, len(pixels), batch_size):
        batch = torch.from_numpy(np.array(pixels[start : start + batch_size])).to(device)
        penultimate = classifier.features(to_intensities(batch))
        logits.append(classifier.member_logits(penultimate).float().cpu())
        features.append(penultimate.float().cpu())
        if on_progress is not None:
            on_progress(min(start + batch_size, len(pixels)), len(pixels))
    classifier.train(training)
    return torch.cat(logits, dim=1), torch.cat(features)


def one_pass(
    classifier: Classifier,
    images: ImageSet,
    *,
    split: str,
    batch_size: int = 64,
    on_progress: Progress | None = None,
) -> tuple[AnyPredictions, Tensor]:
    """Run the network once over labelled images.

    Args:
        classifier: network; evaluated in eval mode and left in the mode it was in.
        images: what to predict, in this order.
        split: name that the predictions carry.
        batch_size: images at a time; changes memory only.
        on_progress: told after every batch.

    Returns:
        Predictions of the network's members (one as a rule), of the type that fits the images' targets, and features
        [images, features] in float32, both on the CPU.
    """
    logits, features = logits_of(classifier, images.pixels, batch_size=batch_size, on_progress=on_progress)
    return predictions_of(logits, images, split=split), features


def predictions_of(logits: Tensor, images: ImageSet, *, split: str) -> AnyPredictions:
    """Logits [members, images, classes] with the images' truth, in the type that fits their targets."""
    kind = MultiLabelPredictions if images.multilabel else Predictions
    targets = torch.from_numpy(images.targets.copy())
    return kind(logits=logits, targets=targets, image_ids=images.image_ids, split=split)
