"""Networks: one file each, all of them in the shape of `Classifier`."""

from __future__ import annotations

from pathlib import Path

import torch

from trainables.models.classifier import Classifier
from trainables.spec import ModelSpec, SmallCNN


def build_model(spec: ModelSpec, *, classes: int, seed: int, weights_folder: Path | None = None) -> Classifier:
    """Build a network with weights drawn from the seed, in the memory format that convolutions are fastest in.

    Args:
        spec: which network.
        classes: width of its head.
        seed: determines the random weights; the global random state is left as it was.
        weights_folder: where local weight files lie.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = _build(spec, classes, weights_folder)
    return classifier.to(memory_format=torch.channels_last)


def _build(spec: ModelSpec, classes: int, weights_folder: Path | None) -> Classifier:
    if isinstance(spec, SmallCNN):
        from trainables.models.small_cnn import build_small_cnn

        return build_small_cnn(spec, classes=classes)
    from trainables.models.timm_classifier import build_timm

    return build_timm(spec, classes=classes, weights_folder=weights_folder)


__all__ = ["Classifier", "build_model"]
