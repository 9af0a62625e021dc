from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from orchestrator.storage.ledger import Report
from orchestrator.tracking.figures import (
    learning_curves,
    perturbation_curves,
    reliability_diagrams,
    saliency_grid,
)
from tests.orchestrator.tracking.small_sweep import CLASSES, aopc_tensors, predictions
from trainables.metrics import reliability


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    assert np.asarray(image.convert("L")).std() > 5, "the picture is empty"
    return image


def report(epoch: int) -> Report:
    return Report(epoch=epoch, metrics={"val/nll": 1 / epoch, "val/ece": 0.1}, best_epoch=2, finished=False)


def test_reliability_diagrams_stand_side_by_side() -> None:
    curve = reliability(predictions(0))
    one, two = opened(reliability_diagrams({"a": curve})), opened(reliability_diagrams({"a": curve, "b": curve}))
    assert two.width > 1.5 * one.width


def test_learning_curves_leave_out_what_was_not_reported() -> None:
    opened(learning_curves([report(1), report(2)], title="trial-0000"))
    with pytest.raises(ValueError, match="none with any of"):
        learning_curves([report(1)], metrics=["val/unknown"])


def test_perturbation_curves_and_saliency_are_drawn_from_an_aopc_result() -> None:
    tensors = {name: tensor.numpy() for name, tensor in aopc_tensors().items()}
    opened(perturbation_curves(tensors))
    opened(saliency_grid(tensors, CLASSES))


def test_results_without_images_are_refused() -> None:
    with pytest.raises(ValueError, match="without a curve"):
        perturbation_curves({})
    with pytest.raises(ValueError, match="without a gallery"):
        saliency_grid({}, CLASSES)


def test_saliency_does_without_masks() -> None:
    tensors = {name: tensor.numpy() for name, tensor in aopc_tensors().items() if name != "gallery/masks"}
    opened(saliency_grid(tensors, CLASSES))
