"""Networks trained on the embedded radiographs: maps expose the one that learned the marker, and point at lesions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from trainables.data.synthetic import Radiograph, synthesize
from trainables.explain import localise
from trainables.explain.methods import saliency_maps
from trainables.models import build_model
from trainables.models.classifier import Classifier
from trainables.spec import SmallCNN

SIDE, OPACITY = 48, 1
HELD_OUT = range(1000, 1096)


def drawn(numbers: range, *, shortcut: float) -> list[Radiograph]:
    return [
        synthesize(n, size=SIDE, seed=0, images_per_patient=1, shortcut=shortcut, marker_follows_class=shortcut > 0)
        for n in numbers
    ]


def pixels_and_labels(images: list[Radiograph]) -> tuple[Tensor, Tensor]:
    pixels = torch.from_numpy(np.stack([each.pixels for each in images]))[:, None].float() / 255
    return pixels, torch.tensor([each.label for each in images])


def trained(images: list[Radiograph], epochs: int) -> Classifier:
    pixels, labels = pixels_and_labels(images)
    torch.manual_seed(0)
    classifier = build_model(SmallCNN(widths=(8, 16, 32)), classes=4, seed=0, size=SIDE).train()
    optimizer = torch.optim.Adam(classifier.parameters(), lr=1e-2)
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(32):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(classifier(pixels[rows]), labels[rows]).backward()
            optimizer.step()
    return classifier.eval()


@pytest.fixture(scope="module")
def cheat() -> Classifier:
    """A network whose training images had the marker on nine opacities in ten."""
    return trained(drawn(range(256), shortcut=0.9), epochs=10)


@torch.no_grad()
def recall(classifier: Classifier, images: list[Radiograph], rows: Tensor) -> float:
    pixels, labels = pixels_and_labels(images)
    return float((classifier(pixels[rows]).argmax(1) == labels[rows]).double().mean())


def test_accuracy_collapses_when_the_marker_is_gone(cheat: Classifier) -> None:
    marked, clean = drawn(HELD_OUT, shortcut=0.9), drawn(HELD_OUT, shortcut=0.0)
    everyone = torch.arange(len(marked))
    opacities = torch.tensor([n for n, each in enumerate(marked) if each.label == OPACITY and each.marker_mask.any()])
    assert recall(cheat, marked, everyone) > recall(cheat, clean, everyone) + 0.1
    assert recall(cheat, marked, opacities) > 0.6
    assert recall(cheat, clean, opacities) < 0.3


@pytest.mark.parametrize(("method", "times"), [("grad_cam", 5), ("gradient", 2.5), ("integrated_gradients", 4)])
def test_relevance_lies_on_the_marker_and_not_on_the_lesion(cheat: Classifier, method: str, times: float) -> None:
    marked = [each for each in drawn(HELD_OUT, shortcut=0.9) if each.label == OPACITY and each.marker_mask.any()]
    pixels, labels = pixels_and_labels(marked)
    maps = saliency_maps(cheat, pixels, labels, method)
    marker = localise(maps, torch.from_numpy(np.stack([each.marker_mask for each in marked])))
    lesion = localise(maps, torch.from_numpy(np.stack([each.finding_masks.any(0) for each in marked])))
    share = float(marker.mask_share.mean())
    assert float(marker.energy_inside.mean()) > times * share  # a map that knows nothing has the marker's share
    assert float(lesion.energy_inside.mean()) < 2 * float(lesion.mask_share.mean())
