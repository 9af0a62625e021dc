from __future__ import annotations

import pytest
import torch

from tests.trainables.explain.networks import small_classifier, some_images
from trainables.losses import build_loss, cross_entropy, focal
from trainables.spec import (
    AucMargin,
    ClassDistinct,
    ConfidencePenalty,
    CrossEntropy,
    Focal,
    LossSpec,
    WeightedCrossEntropy,
)

COUNTS = torch.tensor([4, 4, 4, 0])
SPECS: list[LossSpec] = [
    CrossEntropy(),
    CrossEntropy(label_smoothing=0.1),
    WeightedCrossEntropy(),
    Focal(gamma=0.5),
    Focal(),
    Focal(alpha=0.7),
    ConfidencePenalty(beta=0.2),
    ClassDistinct(lambda_cd=1.4, representation="network"),
    ClassDistinct(lambda_cd=0.0, lambda_sc=1.0, sc_resolution=14),
    ClassDistinct(lambda_cd=1.4),
    AucMargin(),
    AucMargin(pretrain_epochs=1),
]


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_every_loss_returns_a_finite_scalar_and_the_logits_from_one_pass_of_the_images(spec: LossSpec) -> None:
    classifier, images = small_classifier(), some_images(4)
    passes: list[int] = []
    handle = classifier.backbone.register_forward_hook(lambda *each: passes.append(len(each[-1])))
    loss, logits = build_loss(spec, class_counts=COUNTS)(classifier, images, torch.tensor([0, 1, 2, 0]))
    handle.remove()
    assert passes == ([4, 4 * 4] if getattr(spec, "representation", "maps") == "network" else [4])
    assert loss.ndim == 0
    assert torch.isfinite(loss)
    assert torch.allclose(logits, classifier(images))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_under_bfloat16_autocast_loss_and_logits_are_float32(spec: LossSpec) -> None:
    classifier, images = small_classifier(), some_images(4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, logits = build_loss(spec, class_counts=COUNTS)(classifier, images, torch.tensor([0, 1, 2, 0]))
    loss.backward()
    assert loss.dtype == logits.dtype == torch.float32
    exact, _ = build_loss(spec, class_counts=COUNTS)(classifier, images, torch.tensor([0, 1, 2, 0]))
    assert loss.item() == pytest.approx(exact.item(), rel=0.1)


def test_the_built_loss_is_the_function_with_the_settings_of_the_spec() -> None:
    classifier, images, targets = small_classifier(), some_images(4), torch.tensor([0, 1, 2, 0])
    logits = classifier(images)
    smoothed, _ = build_loss(CrossEntropy(label_smoothing=0.3), class_counts=COUNTS)(classifier, images, targets)
    assert torch.allclose(smoothed, cross_entropy(logits, targets, label_smoothing=0.3))
    focused, _ = build_loss(Focal(gamma=3.0), class_counts=COUNTS)(classifier, images, targets)
    assert torch.allclose(focused, focal(logits, targets, gamma=3.0))


def test_a_single_class_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two classes"):
        build_loss(CrossEntropy(), class_counts=torch.tensor([3]))
