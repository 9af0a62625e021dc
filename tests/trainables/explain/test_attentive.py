from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.trainables.explain.networks import some_images
from trainables.explain.attentive import attentive_responses
from trainables.models import build_model
from trainables.models.classifier import Classifier
from trainables.spec import PaperCNN


def deconvnet(backbone: nn.Sequential, image: Tensor, unit: int) -> Tensor:
    """Zeiler and Fergus' projection of one unit of one image, layer by layer."""
    values, switches = image, {}
    for number, layer in enumerate(backbone):
        if isinstance(layer, nn.MaxPool2d):
            values, where = functional.max_pool2d(values, layer.kernel_size, return_indices=True)
            switches[number] = where
        else:
            values = layer(values)
    signal = torch.zeros_like(values)
    signal[:, unit] = values[:, unit]
    for number in range(len(backbone) - 1, -1, -1):
        layer = backbone[number]
        if isinstance(layer, nn.MaxPool2d):
            signal = functional.max_unpool2d(signal, switches[number], layer.kernel_size)
        elif isinstance(layer, nn.Conv2d):
            signal = functional.conv_transpose2d(signal, layer.weight, padding=layer.padding)
        else:
            signal = torch.relu(signal)
    return signal


def test_each_map_is_the_deconvnet_of_its_unit() -> None:
    classifier = build_model(PaperCNN(name="p4_shallow"), classes=3, seed=0).eval()
    images = some_images(2)
    found = attentive_responses(classifier, images, units=5)
    feature_map = classifier.feature_map(images)
    assert torch.equal(found.units, feature_map.amax((2, 3)).topk(5, dim=1).indices)
    assert isinstance(classifier.backbone, nn.Sequential)
    for row in range(2):
        for place, unit in enumerate(found.units[row].tolist()):
            normalised = (images[row : row + 1] - 0.5) / 0.25
            with torch.no_grad():
                wanted = deconvnet(classifier.backbone, normalised, unit) / 0.25
            torch.testing.assert_close(found.individual[row, place], wanted[0, 0], rtol=1e-4, atol=1e-5)


def test_the_dominant_map_is_the_largest_response_and_knows_whose_it_is() -> None:
    classifier = build_model(PaperCNN(name="p4_shallow"), classes=3, seed=0).eval()
    found = attentive_responses(classifier, some_images(1), units=4)
    for row in range(0, 32, 7):
        for column in range(0, 32, 7):
            values = found.individual[0, :, row, column].tolist()
            assert found.dominant[0, row, column] == max(values)
            assert found.winners[0, row, column] == values.index(max(values))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 1, 3, padding=1, bias=False)
        self.act = nn.ReLU()

    def forward(self, values: Tensor) -> Tensor:
        return values + self.act(self.convolution(values))


def test_a_skip_connection_hands_the_signal_to_both_branches() -> None:
    torch.manual_seed(0)
    block = Residual()
    classifier = Classifier(
        backbone=block, pooling=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), head=nn.Linear(1, 2), mean=0.0, deviation=1.0
    ).eval()  # fmt: skip
    images = some_images(1)
    found = attentive_responses(classifier, images, units=1)
    with torch.no_grad():
        signal = block(images)
        through = functional.conv_transpose2d(torch.relu(signal), block.convolution.weight, padding=1)
        wanted = signal + through
    torch.testing.assert_close(found.individual[0, 0], wanted[0, 0], rtol=1e-4, atol=1e-5)


def test_a_network_with_fewer_units_gives_what_it_has() -> None:
    classifier = build_model(PaperCNN(name="p4_shallow"), classes=3, seed=0).eval()
    assert attentive_responses(classifier, some_images(1), units=1000).units.shape == (1, 64)
    with pytest.raises(ValueError, match="0 units"):
        attentive_responses(classifier, some_images(1), units=0)
