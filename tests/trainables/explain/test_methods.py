from __future__ import annotations

import pytest
import torch

from trainables.explain.grad_cam import grad_cam
from trainables.explain.methods import require_method, saliency_maps
from trainables.models import build_model
from trainables.spec import SmallCNN


def test_the_maps_are_those_of_the_asked_classes_whatever_the_batch() -> None:
    classifier = build_model(SmallCNN(widths=(4, 8)), classes=3, seed=0)
    images = torch.rand(5, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([2, 0, 1, 1, 2])
    wanted = torch.stack([grad_cam(classifier, images)[n, c] for n, c in enumerate(classes)])
    assert torch.allclose(saliency_maps(classifier, images, classes, batch_size=2), wanted, atol=1e-7)
    assert saliency_maps(classifier, images[:0], classes[:0]).shape == (0, 1, 1)


def test_an_unknown_method_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match=r"no explanation method 'gradcam'\. Did you mean 'grad_cam'"):
        require_method("gradcam")
