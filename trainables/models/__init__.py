"""Networks: one file each, all of them in the shape of `Classifier`."""

from __future__ import annotations

from pathlib import Path

import torch

from trainables.models.classifier import Classifier
from trainables.spec import FrozenHead, Lungs, Mimo, ModelSpec, PaperCNN, SmallCNN


def build_model(
    spec: ModelSpec,
    *,
    classes: int,
    seed: int,
    weights_folder: Path | None = None,
    size: int | None = None,
    lungs: Lungs | None = None,
) -> Classifier:
    """Build a network with weights drawn from the seed, in the memory format that convolutions are fastest in.

    Args:
        spec: which network.
        classes: width of its head; of each of the heads of a MIMO network.
        seed: determines the random weights; the global random state is left as it was.
        weights_folder: where local weight files lie.
        size: side of the images in pixels, which dense layers on a flattened map depend on; the paper's where left out.
        lungs: the map of the lungs in front of it, by a U-Net whose trained weights are to be loaded.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = _build(spec, classes, weights_folder, size)
        if lungs is not None:
            from trainables.models.lung_input import with_lungs

            classifier = with_lungs(classifier, lungs)
    return classifier.to(memory_format=torch.channels_last)


def _build(spec: ModelSpec, classes: int, weights_folder: Path | None, size: int | None) -> Classifier:
    if isinstance(spec, SmallCNN):
        from trainables.models.small_cnn import build_small_cnn

        return build_small_cnn(spec, classes=classes)
    if isinstance(spec, PaperCNN):
        from trainables.models.paper_cnn import build_paper_cnn

        return build_paper_cnn(spec, classes=classes, size=size)
    if isinstance(spec, FrozenHead):
        from trainables.models.frozen_head import build_frozen_head

        return build_frozen_head(spec, classes=classes, weights_folder=weights_folder, size=size)
    if isinstance(spec, Mimo):
        from trainables.models.mimo import build_mimo

        return build_mimo(spec, classes=classes, weights_folder=weights_folder)
    from trainables.models.timm_classifier import build_timm

    return build_timm(spec, classes=classes, weights_folder=weights_folder)


__all__ = ["Classifier", "build_model"]
