from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from trainables.explain import grad_cam
from trainables.models import build_model
from trainables.models.paper_cnn import PLANS
from trainables.spec import PaperCNN


@pytest.mark.parametrize(
    ("name", "classes", "head", "linear"),
    [
        ("p0", 7, 455, [64, 7]),
        ("p1_small", 7, 903, [1024, 512, 256, 128, 7]),
        ("p1_large", 7, 3591, [1024, 2048, 1024, 512, 7]),
        ("p4_shallow", 24, 1560, [64, 24]),
        ("p4_deeper", 24, 6168, [256, 24]),
    ],
)
def test_the_dense_layers_and_the_last_one_are_those_of_the_paper(
    name: Any, classes: int, head: int, linear: list[int]
) -> None:
    classifier = build_model(PaperCNN(name=name), classes=classes, seed=0).eval()
    layers = [part for part in classifier.modules() if isinstance(part, nn.Linear)]
    assert [layers[0].in_features, *(layer.out_features for layer in layers)] == linear
    assert sum(parameter.numel() for parameter in classifier.head.parameters()) == head
    side = PLANS[name].size
    with torch.no_grad():
        assert classifier(torch.rand(1, 1, side, side)).shape == (1, classes)


@pytest.mark.parametrize("name", PLANS)
def test_convolutions_poolings_and_dropouts_are_in_their_places(name: Any) -> None:
    plan, classifier = PLANS[name], build_model(PaperCNN(name=name), classes=3, seed=0, size=64).eval()
    kinds = [type(part).__name__ for part in classifier.backbone]  # type: ignore[union-attr]
    assert [part.out_channels for part in classifier.backbone if isinstance(part, nn.Conv2d)] == list(plan.widths)  # type: ignore[union-attr]
    before_poolings = [kinds[:place].count("Conv2d") for place, kind in enumerate(kinds) if kind == "MaxPool2d"]
    assert tuple(before_poolings) == plan.pooled_after
    assert kinds.count("BatchNorm2d") == (len(plan.widths) if plan.batch_norm else 0)
    assert kinds.count("Dropout2d") == (len(plan.widths) - 1 if plan.spatial_dropout else 0)
    assert {part.p for part in classifier.modules() if isinstance(part, nn.Dropout)} == {plan.dropout}
    cells = 64 // 2 ** len(plan.pooled_after)
    assert grad_cam(classifier, torch.rand(2, 1, 64, 64)).shape == (2, 3, cells, cells)


def test_a_class_activation_map_is_defined_where_the_map_is_averaged() -> None:
    defined = {
        name: build_model(PaperCNN(name=name), classes=3, seed=0, size=64).global_average  # type: ignore[arg-type]
        for name in PLANS
    }
    assert defined == {"p0": True, "p1_small": False, "p1_large": False, "p4_shallow": True, "p4_deeper": True}


def test_another_dropout_and_another_size_of_images_can_be_asked_for() -> None:
    classifier = build_model(PaperCNN(name="p1_large", dropout=0.1), classes=3, seed=0, size=128)
    assert {part.p for part in classifier.modules() if isinstance(part, nn.Dropout)} == {0.1}
    assert classifier(torch.rand(2, 1, 128, 128)).shape == (2, 3)
    with pytest.raises(ValueError, match="made for images of 128 px"):
        classifier(torch.rand(2, 1, 256, 256))
