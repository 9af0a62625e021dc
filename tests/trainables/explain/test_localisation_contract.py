"""Every method points at the lesions of the embedded radiographs better than a random map, after a training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from trainables.data.synthetic import synthesize
from trainables.explain import Localisation, localise
from trainables.explain.methods import METHODS, saliency_maps
from trainables.models import build_model
from trainables.models.classifier import Classifier
from trainables.spec import SmallCNN

pytestmark = pytest.mark.slow

IMAGES, EPOCHS, SCORED = 640, 14, 24
BY_RANK_ONLY = ("rise",)
"""RISE adds the same amount to every pixel, so that its energy says little; the order of its pixels does."""


def read(numbers: range) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels, labels, and masks of the lesions."""
    drawn = [synthesize(n, size=64, seed=0, images_per_patient=1) for n in numbers]
    pixels = torch.from_numpy(np.stack([each.pixels for each in drawn]))[:, None].float() / 255
    masks = torch.from_numpy(np.stack([each.finding_masks.any(0) for each in drawn]))
    return pixels, torch.tensor([each.label for each in drawn]), masks


@pytest.fixture(scope="module")
def network() -> Classifier:
    pixels, labels, _ = read(range(IMAGES))
    torch.manual_seed(0)
    classifier = build_model(SmallCNN(widths=(8, 16, 32, 48)), classes=4, seed=0, size=64).train()
    optimizer = torch.optim.Adam(classifier.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=EPOCHS * IMAGES // 32)
    for _ in range(EPOCHS):
        for rows in torch.randperm(IMAGES).split(32):
            shift = torch.randint(-3, 4, (2,)).tolist()
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(classifier(pixels[rows].roll(shift, (2, 3))), labels[rows]).backward()
            optimizer.step()
            schedule.step()
    return classifier.eval()


@pytest.fixture(scope="module")
def found(network: Classifier) -> tuple[Tensor, Tensor, Tensor]:
    """Held-out images with a lesion that the network predicts correctly, their labels and masks."""
    pixels, labels, masks = read(range(5000, 5096))
    with torch.no_grad():
        correct = network(pixels).argmax(1) == labels
    assert correct.double().mean() > 0.7
    chosen = (correct & masks.flatten(1).any(1)).nonzero()[:SCORED, 0]
    return pixels[chosen], labels[chosen], masks[chosen]


def random_map(masks: Tensor) -> Localisation:
    return localise(torch.rand(masks.shape, generator=torch.Generator().manual_seed(0)), masks)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_ranks_the_pixels_of_a_lesion_higher_than_chance(
    network: Classifier, found: tuple[Tensor, Tensor, Tensor], method: str
) -> None:
    pixels, labels, masks = found
    scores, chance = localise(saliency_maps(network, pixels, labels, method), masks), random_map(masks)
    assert float(scores.rank_accuracy.mean()) > 1.5 * float(chance.rank_accuracy.mean())
    assert float(scores.best_iou.mean()) > float(chance.best_iou.mean())
    if method not in BY_RANK_ONLY:
        assert float(scores.energy_inside.mean()) > 1.2 * float(chance.energy_inside.mean())
