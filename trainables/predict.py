"""One pass over the images of a split: logits and penultimate features together."""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.data.images import ImageSet
from trainables.models import Classifier
from trainables.predictions import Predictions


def to_intensities(pixels: Tensor) -> Tensor:
    """Grey values [batch, height, width] of uint8 to intensities [batch, 1, height, width] in [0, 1]."""
    return pixels.unsqueeze(1).float().div_(255)


@torch.no_grad()
def one_pass(
    classifier: Classifier, images: ImageSet, *, split: str, batch_size: int = 64
) -> tuple[Predictions, Tensor]:
    """Run the network once over the images.

    Args:
        classifier: network; evaluated in eval mode and left in the mode it was in.
        images: what to predict, in this order.
        split: name that the predictions carry.
        batch_size: images at a time; changes memory only.

    Returns:
        Predictions of one member, and features [images, features] in float32, both on the CPU.
    """
    device = next(classifier.parameters()).device
    training = classifier.training
    classifier.eval()
    logits, features = [], []
    for start in range(0, len(images), batch_size):
        pixels = torch.from_numpy(images.pixels[start : start + batch_size].copy()).to(device)
        penultimate = classifier.features(to_intensities(pixels))
        logits.append(classifier.head(penultimate).float().cpu())
        features.append(penultimate.float().cpu())
    classifier.train(training)
    targets = torch.from_numpy(images.targets.copy())
    predictions = Predictions(logits=torch.cat(logits)[None], targets=targets, image_ids=images.image_ids, split=split)
    return predictions, torch.cat(features)
