from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from trainables.explain.aopc import Regions, perturbation_curves
from trainables.explain.grad_cam import grad_cam
from trainables.explain.inference import inference_copy
from trainables.mc_dropout import mc_dropout_logits
from trainables.models import Classifier, build_model
from trainables.spec import (
    ClassDistinct,
    Mimo,
    Stage,
    Synthetic,
    Timm,
    TrialSpec,
    from_plain,
    initial_weights,
    to_plain,
    without_weights,
)

IMAGES = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))


def network(members: int = 3) -> Classifier:
    return build_model(Mimo(name="test_resnet", members=members, dropout=0.2), classes=4, seed=0).eval()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("members", 0, "model/members is 0"),
        ("input_repetition", 1.5, "model/input_repetition is 1.5"),
        ("batch_repetition", 0, "model/batch_repetition is 0"),
        ("dropout", 1.0, "model/dropout"),
    ],
)
def test_settings_that_make_no_sense_are_refused(field: str, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Mimo(name="test_resnet", **{field: value})  # type: ignore[arg-type]


def test_a_description_is_written_and_read() -> None:
    spec = Mimo(name="resnet18", members=4, weights="w.safetensors")
    trial = TrialSpec(data=Synthetic(), model=spec)
    assert from_plain(TrialSpec, to_plain(trial)) == trial
    assert initial_weights(spec) == "w.safetensors"
    assert initial_weights(without_weights(spec)) is None


def test_a_loss_on_maps_is_refused_for_several_members_in_either_stage() -> None:
    several, one = Mimo(name="test_resnet"), Mimo(name="test_resnet", members=1)
    with pytest.raises(ValueError, match="model/members 1, or Timm"):
        TrialSpec(data=Synthetic(), model=several, loss=ClassDistinct())
    with pytest.raises(ValueError, match="reads 3 images at once"):
        TrialSpec(data=Synthetic(), model=several, first_stage=Stage(loss=ClassDistinct()))
    assert TrialSpec(data=Synthetic(), model=one, loss=ClassDistinct()).model == one


def test_the_first_layer_of_random_weights_has_filters_of_its_own_for_every_input() -> None:
    (first,) = [tensor for tensor in network().parameters() if tensor.ndim == 4 and tensor.shape[1] == 3][:1]
    assert not torch.allclose(first[:, 0], first[:, 1])


def test_filters_of_weights_are_repeated_so_that_an_image_looks_as_to_the_plain_network(tmp_path: Path) -> None:
    save_file(timm.create_model("test_resnet", num_classes=1000).state_dict(), tmp_path / "w.safetensors")
    plain, wide = (
        build_model(spec, classes=4, seed=0, weights_folder=tmp_path).eval()
        for spec in (
            Timm(name="test_resnet", weights="w.safetensors"),
            Mimo(name="test_resnet", weights="w.safetensors", members=3),
        )
    )
    with torch.no_grad():
        assert torch.allclose(wide.feature_map(IMAGES), plain.feature_map(IMAGES), atol=1e-5)
    assert torch.equal(wide.normalisation, plain.normalisation)


def test_probabilities_are_the_mean_over_heads_and_logits_their_mean() -> None:
    classifier = network()
    with torch.no_grad():
        logits = classifier.head(classifier.features(IMAGES)).reshape(2, 3, 4)
        assert torch.allclose(classifier.log_probs(IMAGES).exp(), torch.softmax(logits, -1).mean(1), atol=1e-6)
        assert torch.allclose(classifier(IMAGES), logits.mean(1), atol=1e-6)
        repeated = classifier.features(IMAGES.repeat(1, 3, 1, 1))
        assert torch.allclose(classifier.features(IMAGES), repeated, atol=1e-6)


def test_a_map_is_the_mean_of_the_members_signed_maps() -> None:
    classifier = network()
    feature_map = classifier.feature_map(IMAGES).detach().requires_grad_()
    wide = classifier.head(classifier.pooling(feature_map))
    wanted = torch.zeros(2, 4, *feature_map.shape[-2:])
    for member in range(3):
        for label in range(4):
            (slope,) = torch.autograd.grad(wide[:, 4 * member + label].sum(), feature_map, retain_graph=True)
            weights = slope.mean((2, 3), keepdim=True)
            wanted[:, label] += (weights * feature_map.detach()).sum(1) / 3
    assert torch.allclose(grad_cam(classifier, IMAGES), wanted.relu(), atol=1e-6)


def test_a_perturbation_curve_follows_the_pooled_probability() -> None:
    classifier = network()
    regions = Regions.of(height=32, width=32, rows=2, columns=2)
    order = torch.arange(4).expand(2, 4)
    predicted = torch.tensor([1, 3])
    copied = inference_copy(classifier, IMAGES)
    curves = perturbation_curves(copied, IMAGES, 1 - IMAGES, predicted, order=order, regions=regions)
    with torch.no_grad():
        first = classifier.log_probs(IMAGES).exp()[torch.arange(2), predicted]
        last = classifier.log_probs(1 - IMAGES).exp()[torch.arange(2), predicted]
    assert torch.allclose(curves[:, 0], first, atol=1e-5)
    assert torch.allclose(curves[:, -1], last, atol=1e-5)


def test_a_sample_of_dropout_gives_a_member_for_every_head() -> None:
    logits = mc_dropout_logits(network(), IMAGES, samples=2, seed=0)
    assert logits.shape == (6, 2, 4)
