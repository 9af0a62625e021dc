from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from trainables.models import Classifier, build_model
from trainables.models.weights import weights_fingerprint
from trainables.spec import ModelSpec, SmallCNN, Timm

FAMILIES: list[ModelSpec] = [
    SmallCNN(widths=(4, 8), dropout=0.1),
    Timm(name="test_resnet"),
    Timm(name="test_resnet", output_stride=8),
    Timm(name="test_convnext"),
    Timm(name="test_efficientnet"),
]


@pytest.fixture(params=FAMILIES, ids=lambda spec: getattr(spec, "name", spec.kind))
def classifier(request: pytest.FixtureRequest) -> Classifier:
    return build_model(request.param, classes=3, seed=0).eval()


def test_logits_are_the_head_of_the_pooled_feature_map(classifier: Classifier) -> None:
    images = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        features = classifier.features(images)
        assert classifier.feature_map(images).ndim == 4
        assert features.shape == (2, classifier.head.in_features)
        torch.testing.assert_close(classifier(images), classifier.head(features))


def test_every_parameter_has_one_name_and_can_be_saved(classifier: Classifier, tmp_path: Path) -> None:
    state = classifier.state_dict()
    assert len({tensor.data_ptr() for tensor in state.values() if tensor.numel()}) == len(
        [tensor for tensor in state.values() if tensor.numel()]
    )
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, tmp_path / "weights.safetensors")


def test_the_seed_determines_the_weights_and_leaves_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    one, again, other = (build_model(SmallCNN(), classes=3, seed=seed).head.weight for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())


def test_the_small_network_ends_in_a_map_of_an_eighth_of_the_side() -> None:
    assert build_model(SmallCNN(), classes=4, seed=0).feature_map(torch.rand(1, 1, 64, 64)).shape == (1, 96, 8, 8)


def test_output_stride_keeps_the_last_map_finer() -> None:
    fine = build_model(Timm(name="test_resnet", output_stride=8), classes=3, seed=0)
    coarse = build_model(Timm(name="test_resnet"), classes=3, seed=0)
    images = torch.rand(1, 1, 64, 64)
    assert fine.feature_map(images).shape[-2:] == (8, 8)
    assert coarse.feature_map(images).shape[-2:] == (2, 2)


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_local_weights_are_read_and_their_colour_filters_are_summed(tmp_path: Path, suffix: str) -> None:
    import timm

    source = timm.create_model("test_resnet", num_classes=1000, in_chans=3)
    path = tmp_path / f"photographs.{suffix}"
    if suffix == "pth":
        torch.save(source.state_dict(), path)
    else:
        save_file(source.state_dict(), path)
    spec = Timm(name="test_resnet", weights=path.name)
    classifier = build_model(spec, classes=3, seed=0, weights_folder=tmp_path)
    first = classifier.state_dict()["backbone.network.conv1.0.weight"]
    torch.testing.assert_close(first, source.state_dict()["conv1.0.weight"].sum(1, keepdim=True))
    assert classifier.normalisation.tolist() == pytest.approx([0.449, 0.226])
    assert weights_fingerprint(path.name, tmp_path).startswith("weights-")


def test_a_missing_weight_file_is_told_with_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no such file"):
        build_model(Timm(name="test_resnet", weights="none.pth"), classes=3, seed=0, weights_folder=tmp_path)
    with pytest.raises(ValueError, match="ORCHESTRATOR_WEIGHTS"):
        build_model(Timm(name="test_resnet", weights="none.pth"), classes=3, seed=0)


def test_an_unknown_network_gets_the_nearest_name() -> None:
    with pytest.raises(ValueError, match="resnet18"):
        build_model(Timm(name="resnet_18"), classes=3, seed=0)


def test_a_network_that_cannot_change_its_stride_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot change its stride"):
        build_model(Timm(name="densenet121", output_stride=8), classes=3, seed=0)
