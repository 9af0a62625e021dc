"""Maps leave nothing behind: no hook, no tensor, no memory, batch after batch."""

from __future__ import annotations

import gc

import psutil
import pytest
import torch

from tests.trainables.explain.networks import small_classifier, some_images
from trainables.explain.methods import METHODS, saliency_maps
from trainables.models.classifier import Classifier

BATCHES = 1_000
QUICK = ("grad_cam", "cam", "grad_cam_pp", "hires_cam", "gradient", "guided_backprop", "attentive")


def living_tensors() -> int:
    gc.collect()
    return sum(torch.is_tensor(each) for each in gc.get_objects())


def hooks(classifier: Classifier) -> int:
    return sum(
        len(part._forward_hooks) + len(part._forward_pre_hooks) + len(part._backward_hooks)
        for part in classifier.modules()
    )


@pytest.mark.parametrize("method", METHODS)
def test_maps_of_many_batches_leave_no_hook_and_no_tensor_behind(method: str) -> None:
    classifier, images = small_classifier(), some_images(2, side=32)
    if METHODS[method].refuses(classifier):
        pytest.skip(f"{method} is not for this network")
    classes = torch.tensor([0, 1])
    saliency_maps(classifier, images, classes, method, seed=0)  # what is made once
    before = living_tensors()
    for _ in range(BATCHES if method in QUICK else 5):
        saliency_maps(classifier, images, classes, method, seed=0)
    assert hooks(classifier) == 0
    assert living_tensors() <= before


def test_a_thousand_batches_of_grad_cam_take_no_memory() -> None:
    classifier, images = small_classifier(), some_images(8, side=32)
    classes, process = torch.zeros(8, dtype=torch.int64), psutil.Process()
    for _ in range(100):  # the allocator's own arenas
        saliency_maps(classifier, images, classes, "grad_cam", seed=0)
    before = process.memory_info().rss
    for _ in range(BATCHES):
        saliency_maps(classifier, images, classes, "grad_cam", seed=0)
    assert process.memory_info().rss - before < BATCHES * images.numel() * 4 / 4  # a quarter of the images alone
