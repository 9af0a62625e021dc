from __future__ import annotations

import pytest
import torch
from torch import nn

from trainables.mc_dropout import mask_seed, mc_dropout_logits
from trainables.metrics import mutual_information
from trainables.models import Classifier, build_model
from trainables.predictions import Predictions
from trainables.spec import ModelSpec, PaperCNN, SmallCNN, Timm

IMAGES = torch.rand(5, 1, 64, 64, generator=torch.Generator().manual_seed(0))
NETWORKS: list[ModelSpec] = [
    SmallCNN(widths=(4, 8), dropout=0.5),
    Timm(name="test_resnet", dropout=0.5),
    Timm(name="test_efficientnet", dropout=0.5),
    Timm(name="test_convnext", dropout=0.5),
    Timm(name="test_vit", dropout=0.5, frozen="backbone"),
    PaperCNN(name="p1_large"),
]


@pytest.fixture(params=NETWORKS, ids=lambda spec: getattr(spec, "name", spec.kind))
def network(request: pytest.FixtureRequest) -> Classifier:
    return build_model(request.param, classes=3, seed=0, size=64)


def modes(classifier: Classifier) -> list[bool]:
    return [part.training for part in classifier.modules()]


def test_members_differ_and_the_same_seed_gives_them_again(network: Classifier) -> None:
    logits = mc_dropout_logits(network, IMAGES, samples=4, seed=1)
    assert logits.shape == (4, 5, 3)
    assert len({tuple(member.flatten().tolist()) for member in logits}) == 4
    assert torch.equal(logits, mc_dropout_logits(network, IMAGES, samples=4, seed=1))
    assert torch.equal(logits[:2], mc_dropout_logits(network, IMAGES, samples=2, seed=1))
    assert not torch.equal(logits, mc_dropout_logits(network, IMAGES, samples=4, seed=2))
    predictions = Predictions(
        logits=logits, targets=torch.tensor([0, 1, 2, 0, 1]), image_ids=tuple("abcde"), split="val"
    )
    assert (mutual_information(predictions) > 0).all()


def test_modes_statistics_and_the_global_random_state_stay_as_they_were(network: Classifier) -> None:
    network.train()
    before, state = modes(network), {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random = torch.get_rng_state()
    mc_dropout_logits(network, IMAGES, samples=2, seed=1)
    assert modes(network) == before
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    network.eval()
    before = modes(network)
    mc_dropout_logits(network, IMAGES, samples=2, seed=1)
    assert modes(network) == before


def test_the_mean_member_of_a_linear_head_is_the_network_itself() -> None:
    network = build_model(SmallCNN(widths=(4, 8), dropout=0.3), classes=3, seed=0).eval()
    with torch.no_grad():
        wanted = network(IMAGES)
    logits = mc_dropout_logits(network, IMAGES, samples=400, seed=0)
    torch.testing.assert_close(logits.mean(0), wanted, rtol=0, atol=5 * float(logits.std(0).max()) / 400**0.5)


def test_the_backbone_runs_once_a_batch_unless_dropout_lies_inside_it() -> None:
    for spec, wanted in ((SmallCNN(widths=(4, 8), dropout=0.3), 3), (PaperCNN(name="p1_large"), 12)):
        network, passes = build_model(spec, classes=3, seed=0, size=64), list[int]()
        network.backbone.register_forward_hook(lambda *_, passes=passes: passes.append(1))
        mc_dropout_logits(network, IMAGES, samples=4, seed=0, batch_size=2)
        assert len(passes) == wanted


def test_a_slow_loop_over_the_whole_network_gives_the_same_members(network: Classifier) -> None:
    logits = mc_dropout_logits(network, IMAGES, samples=2, seed=3)
    network.train()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.eval()
    for sample in range(2):
        torch.manual_seed(mask_seed(3, sample, 0))
        with torch.no_grad():
            torch.testing.assert_close(logits[sample], network(IMAGES))


def test_a_network_without_dropout_and_no_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="without dropout"):
        mc_dropout_logits(build_model(SmallCNN(widths=(4,)), classes=3, seed=0), IMAGES, samples=2, seed=0)
    with pytest.raises(ValueError, match="0 samples"):
        mc_dropout_logits(build_model(NETWORKS[0], classes=3, seed=0), IMAGES, samples=0, seed=0)
