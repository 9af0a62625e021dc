import io

import numpy as np
import pytest
import torch
from PIL import Image

from orchestrator.figures.files import (
    learning_curves,
    note,
    perturbation_curves,
    reliability_diagrams,
    risk_coverage,
    saliency_grid,
)
from orchestrator.storage.ledger import Report, Row
from tests.orchestrator.report.tiny_sweep import CLASSES, aopc_tensors
from trainables.metrics import reliability
from trainables.predictions import Predictions


def size(png: bytes) -> tuple[int, int]:
    picture = Image.open(io.BytesIO(png))
    assert picture.format == "PNG"
    assert len(np.unique(np.asarray(picture.convert("L")))) > 10
    return picture.size


def row(*metrics: dict[str, float]) -> Row:
    reports = [Report(epoch=n + 1, metrics=each, best_epoch=1, finished=False) for n, each in enumerate(metrics)]
    return Row(kind="trial", number=0, spec={}, key="k", fit_key="f", data_key="d", reports=reports)


def test_learning_curves_have_a_panel_a_metric() -> None:
    one = learning_curves(row({"train/loss": 1.0}, {"train/loss": 0.5}))
    two = learning_curves(row({"train/loss": 1.0, "val/nll": 2.0}, {"train/loss": 0.5, "val/nll": 1.0}))
    assert size(two)[0] == 2 * size(one)[0]


def test_learning_curves_of_other_metrics_are_refused() -> None:
    with pytest.raises(ValueError, match="none with any of train/loss"):
        learning_curves(row({"other": 1.0}))


def test_reliability_diagrams_stand_side_by_side() -> None:
    logits = torch.randn(1, 50, 3, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(50) % 3
    curve = reliability(Predictions(logits=logits, targets=targets, image_ids=tuple(map(str, range(50))), split="test"))
    assert size(reliability_diagrams({"a $": curve, "b": curve}))[0] == 2 * size(reliability_diagrams({"a": curve}))[0]
    with pytest.raises(ValueError, match="no curve"):
        reliability_diagrams({})


def test_risk_and_referral_stand_side_by_side() -> None:
    curves = {f"{name}/test": torch.linspace(0, 0.3, 101).numpy() for name in ("risk_coverage", "referral")}
    width, height = size(risk_coverage(curves, title="trial"))
    assert width > 2 * height
    with pytest.raises(ValueError, match="without curves"):
        risk_coverage({})


@pytest.mark.parametrize("as_arrays", [False, True])
def test_explanations_are_drawn_from_tensors_and_arrays(as_arrays: bool) -> None:
    tensors = {name: each.numpy() if as_arrays else each for name, each in aopc_tensors().items()}
    size(perturbation_curves(tensors, title="trial"))
    size(saliency_grid(tensors, CLASSES, title="$truth$"))


def test_results_without_curve_or_gallery_are_refused() -> None:
    with pytest.raises(ValueError, match="without a curve"):
        perturbation_curves({})
    with pytest.raises(ValueError, match="without a gallery"):
        saliency_grid({}, CLASSES)


def test_a_note_is_a_picture() -> None:
    size(note("This cannot be drawn: $"))


def test_saliency_does_without_masks() -> None:
    size(saliency_grid({name: each for name, each in aopc_tensors().items() if name != "gallery/masks"}, CLASSES))
