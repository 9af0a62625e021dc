from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.trainables.explain.networks import small_classifier, some_images
from trainables.explain.inference import inference_copy
from trainables.models.classifier import Classifier


def _norms(classifier: Classifier) -> int:
    return sum(isinstance(part, nn.BatchNorm2d) for part in classifier.modules())


@pytest.mark.parametrize("pooling", ["average", "maximum", "dense"])
def test_the_copy_gives_the_same_logits_without_batch_norms(pooling: str) -> None:
    classifier, images = small_classifier(pooling=pooling), some_images(6)  # type: ignore[arg-type]
    fast = inference_copy(classifier, images[:2])
    assert torch.allclose(fast(images), classifier(images), atol=1e-5)
    assert _norms(fast) == 0
    assert fast.backbone is not classifier.backbone


def test_the_network_itself_is_not_changed() -> None:
    classifier, images = small_classifier(dropout=0.5).train(), some_images(3)
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    fast = inference_copy(classifier, images)
    assert classifier.training
    assert not fast.training
    assert _norms(classifier) == 2
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())
    assert all(parameter.requires_grad for parameter in classifier.parameters())
    assert torch.allclose(fast(images), classifier.eval()(images), atol=1e-5)


def test_a_backbone_that_cannot_be_traced_is_copied_unfolded() -> None:
    class Branching(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, images: Tensor) -> Tensor:
            result: Tensor = self.inner(images) if images.mean() > -100 else images
            return result

    classifier, images = small_classifier(), some_images(3)
    classifier.backbone = Branching(classifier.backbone)
    fast = inference_copy(classifier, images)
    assert fast is not classifier
    assert _norms(fast) == 2
    assert torch.allclose(fast(images), classifier(images), atol=1e-5)


def test_a_copy_that_disagrees_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, images = small_classifier(), some_images(3)
    other = small_classifier(seed=9).backbone
    monkeypatch.setattr("trainables.explain.inference.fuse", lambda backbone: other)
    fast = inference_copy(classifier, images)
    assert torch.allclose(fast(images), classifier(images), atol=1e-5)


def test_without_an_example_the_network_itself_is_used() -> None:
    classifier = small_classifier()
    assert inference_copy(classifier, some_images(0)) is classifier
