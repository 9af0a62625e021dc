from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from tests.trainables.models.tiny_images import tiny_images
from trainables.fit import Training
from trainables.models import build_model
from trainables.spec import Schedule, Synthetic, Timm, TrialSpec, canonical_json


def test_up_to_a_stage_nothing_moves_and_batch_norms_keep_their_statistics() -> None:
    spec = TrialSpec(
        data=Synthetic(), model=Timm(name="test_resnet", frozen="layer2"), schedule=Schedule(epochs=1, batch_size=4)
    )
    training = Training(spec, tiny_images())
    before = {name: tensor.clone() for name, tensor in training.classifier.state_dict().items()}
    training.run_epoch()
    for name, tensor in training.classifier.state_dict().items():
        learns = name.startswith(("head", "backbone.network.layer3", "backbone.network.layer4"))
        assert torch.equal(tensor, before[name]) != learns, name
    assert any("layer3" in name and "running_mean" in name for name in before)


def test_everything_but_the_head_has_no_gradient_when_the_backbone_is_frozen() -> None:
    classifier = build_model(Timm(name="test_resnet", frozen="backbone"), classes=3, seed=0)
    learns = [name for name, parameter in classifier.named_parameters() if parameter.requires_grad]
    assert learns == ["head.weight", "head.bias"]


def test_a_frozen_network_is_the_same_network() -> None:
    plain = build_model(Timm(name="test_resnet"), classes=3, seed=0).state_dict()
    frozen = build_model(Timm(name="test_resnet", frozen="layer1"), classes=3, seed=0).state_dict()
    assert plain.keys() == frozen.keys()
    assert all(torch.equal(plain[name], frozen[name]) for name in plain)


def test_an_unknown_stage_is_refused_with_the_stages_there_are() -> None:
    with pytest.raises(ValueError, match=r"Did you mean 'layer4'\? Stages .*: act1, layer1, layer2, layer3, layer4"):
        build_model(Timm(name="test_resnet", frozen="layer5"), classes=3, seed=0)


def test_options_at_their_default_rename_no_older_result() -> None:
    assert canonical_json(Timm(name="resnet18")) == '{"kind":"timm","name":"resnet18"}'


@pytest.mark.parametrize(
    ("name", "layer", "shape"),
    [
        ("test_resnet", "layer3", (192, 4, 4)),
        ("densenet121", "features.denseblock3", (1024, 4, 4)),
        ("convnext_atto", "stages.2", (160, 4, 4)),
        ("efficientnet_b0", "blocks.4", (112, 4, 4)),
    ],
)
def test_an_earlier_layer_can_be_the_feature_map(name: str, layer: str, shape: tuple[int, ...]) -> None:
    images = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        plain = build_model(Timm(name=name), classes=3, seed=0).eval()
        earlier = build_model(Timm(name=name, feature_layer=layer), classes=3, seed=0).eval()
        assert earlier.feature_map(images).shape == (2, *shape)
        torch.testing.assert_close(earlier(images), plain(images))
    assert plain.state_dict().keys() == earlier.state_dict().keys()


def test_a_layer_behind_which_the_network_is_no_chain_is_refused() -> None:
    with pytest.raises(ValueError, match="no chain of layers"):
        build_model(Timm(name="test_vit", feature_layer="blocks.1"), classes=3, seed=0)
    with pytest.raises(ValueError, match="no chain of layers"):
        build_model(Timm(name="test_resnet", feature_layer="layer3.0.conv1"), classes=3, seed=0)
    with pytest.raises(ValueError, match="Did you mean 'layer4'"):
        build_model(Timm(name="test_resnet", feature_layer="layer44"), classes=3, seed=0)


def test_three_channels_keep_the_filters_of_the_file_and_repeat_the_grey_image(tmp_path: Path) -> None:
    source = timm.create_model("test_resnet", num_classes=1000, in_chans=3).eval()
    save_file(source.state_dict(), tmp_path / "colour.safetensors")
    spec = Timm(name="test_resnet", weights="colour.safetensors", channels=3)
    classifier = build_model(spec, classes=3, seed=0, weights_folder=tmp_path).eval()
    images = torch.rand(2, 1, 64, 64)
    mean, deviation = (torch.tensor(source.pretrained_cfg[name])[:, None, None] for name in ("mean", "std"))
    with torch.no_grad():
        wanted = source.forward_features((images.repeat(1, 3, 1, 1) - mean) / deviation)
        torch.testing.assert_close(classifier.feature_map(images), wanted)
