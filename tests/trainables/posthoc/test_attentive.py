from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.trainables.posthoc.test_mc_dropout import DroppingNetwork as Network
from trainables.explain.attentive import attentive_responses
from trainables.explain.input_gradients import refuses_guided_backprop
from trainables.models import build_model
from trainables.posthoc import run
from trainables.posthoc.attentive import shown_rows
from trainables.posthoc.explained import intensities
from trainables.spec import (
    AttentiveMaps,
    FrozenHead,
    Mimo,
    ModelSpec,
    PaperCNN,
    SmallCNN,
    Synthetic,
    Timm,
    TrialSpec,
    why_undefined,
)


def test_maps_are_those_of_the_method_for_right_and_wrong_images() -> None:
    network = Network()
    result = run(AttentiveMaps(units=6, images=5, shown=(2, 3)), [network])
    found, rows = result.tensors, result.tensors["gallery/rows"].numpy()
    assert len(rows) == len(set(rows.tolist())) == 5
    images = network.images("test")
    wanted = attentive_responses(network.classifier(), intensities(images, rows), units=6)
    assert torch.equal(found["gallery/units"], wanted.units)
    scale = found["gallery/scale"]
    torch.testing.assert_close(scale, wanted.individual.abs().amax((1, 2, 3)))
    dominant = found["gallery/dominant"].float() * scale[:, None, None]
    torch.testing.assert_close(dominant, wanted.dominant, rtol=2e-3, atol=2e-3 * float(scale.max()))
    assert found["gallery/individual"].shape == (5, 3, 32, 32)
    assert torch.equal(found["gallery/winners"].long(), wanted.winners)
    predicted = network.predictions("test").pooled_log_probs().argmax(1)  # type: ignore[union-attr]
    assert torch.equal(found["gallery/predicted"], predicted[rows])
    is_right = found["gallery/predicted"] == found["gallery/targets"]
    assert is_right.tolist() == [True, True, True, False, False]
    (name, value) = next(iter(result.metrics.items()))
    assert name == "test/winning_units"
    assert value == pytest.approx(np.mean([len(each.unique()) for each in wanted.winners]))


def test_a_network_with_fewer_units_gives_all_of_them_and_says_so() -> None:
    result = run(AttentiveMaps(images=2), [Network()])
    assert result.tensors["gallery/units"].shape == (2, 8)
    assert "has 8 units, fewer than the 25 asked for" in result.remarks[0]


def test_right_images_come_first_in_turn_of_classes_and_fill_up_what_wrong_ones_leave() -> None:
    targets = np.array([0, 0, 0, 1, 1, 1])
    order = np.arange(6)
    assert shown_rows(targets, targets, order, 4).tolist() == [0, 3, 1, 4]
    predicted = np.array([0, 0, 1, 1, 1, 1])
    assert shown_rows(targets, predicted, order, 4).tolist() == [0, 3, 1, 2]
    assert shown_rows(targets, 1 - targets, order, 4).tolist() == [0, 3, 1, 4]


@pytest.mark.parametrize(
    "model",
    [
        SmallCNN(),
        PaperCNN(name="p4_deeper"),
        Timm(name="resnet10t"),
        Timm(name="densenet121"),
        Timm(name="regnetx_002"),
    ],
)
def test_networks_of_relu_are_known_by_their_description(model: ModelSpec) -> None:
    assert why_undefined(AttentiveMaps(), TrialSpec(data=Synthetic(), model=model)) == ""
    assert refuses_guided_backprop(build_model(model, classes=2, seed=0, size=64)) == ""


@pytest.mark.parametrize(
    "model",
    [
        Timm(name="vit_tiny_patch16_224"),
        Timm(name="efficientnet_b0"),
        Timm(name="seresnet50"),
        Mimo(name="convnext_atto"),
        FrozenHead(backbone="mobilenetv3_small_050"),
    ],
)
def test_others_are_left_out_with_a_reason(model: ModelSpec) -> None:
    assert "its rule is for ReLU" in why_undefined(AttentiveMaps(), TrialSpec(data=Synthetic(), model=model))


def test_a_network_that_only_seemed_to_fit_is_refused() -> None:
    network = Network()
    network.classifier = lambda: _with_gelu()  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="attentive cannot explain this network: its rule is for ReLU"):
        run(AttentiveMaps(images=1), [network])


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="units 0"):
        AttentiveMaps(units=0)
    with pytest.raises(ValueError, match="at most posthoc/attentive/units, which is 4"):
        AttentiveMaps(units=4, shown=(5,))


def _with_gelu():  # type: ignore[no-untyped-def]
    classifier = build_model(SmallCNN(widths=(4, 8)), classes=3, seed=0, size=32).eval()
    classifier.backbone.add_module("last", torch.nn.GELU())
    return classifier
