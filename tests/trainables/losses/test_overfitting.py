"""A loss that cannot learn sixteen images by heart teaches a network nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from trainables.losses import build_loss_for
from trainables.models import Classifier
from trainables.optimization import build_optimizer
from trainables.spec import (
    AucMargin,
    ClassDistinct,
    ConfidencePenalty,
    CrossEntropy,
    Focal,
    LossSpec,
    Optimizer,
    WeightedCrossEntropy,
)

SPECS: list[LossSpec] = [
    CrossEntropy(),
    CrossEntropy(label_smoothing=0.1),
    WeightedCrossEntropy(),
    Focal(gamma=0.5),
    Focal(gamma=2.0, alpha=0.6),
    ConfidencePenalty(beta=0.2),
    ClassDistinct(lambda_cd=1.4),
    ClassDistinct(lambda_cd=1.0, representation="network", lambda_sc=1.0),
    ClassDistinct(lambda_cd=0.0, lambda_sc=1.0, sc_resolution=12),
    AucMargin(),
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads only wait for each other on networks as small as these."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tiny_cnn() -> Classifier:
    torch.manual_seed(0)
    first, second = nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.Conv2d(8, 8, 3, stride=2, padding=1)
    backbone = nn.Sequential(first, nn.BatchNorm2d(8), nn.ReLU(), second, nn.BatchNorm2d(8), nn.ReLU())
    return Classifier(backbone=backbone, pooling=nn.Flatten(), head=nn.Linear(8 * 16, 3)).train()


def learnt(spec: LossSpec, images: Tensor, targets: Tensor) -> Tensor:
    """Logits of the last step."""
    classifier, loss = tiny_cnn(), build_loss_for(spec, targets, 3)
    deep_auc = isinstance(spec, AucMargin)
    how = Optimizer(kind="pesg", learning_rate=0.3) if deep_auc else Optimizer(kind="adam", learning_rate=0.01)
    optimizer = build_optimizer(how, classifier, loss)
    for _ in range(120 if deep_auc else 40):
        value, logits = loss(classifier, images, targets)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return logits


def test_no_loss_is_left_out() -> None:
    assert {type(spec) for spec in SPECS} == set(get_args(LossSpec))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_one_class_an_image_is_learnt_by_heart(spec: LossSpec) -> None:
    images, targets = torch.rand(16, 1, 16, 16, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 3
    assert torch.equal(learnt(spec, images, targets).argmax(1), targets)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_labels_are_learnt_by_heart_where_they_are_known(spec: LossSpec) -> None:
    images = torch.rand(16, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    targets = torch.stack([torch.arange(16) % 2, torch.arange(16) // 2 % 2, torch.full((16,), math.nan)], dim=1)
    targets[::5, 0] = math.nan
    logits = learnt(spec, images, targets)
    for label in (0, 1):
        known = ~targets[:, label].isnan()
        scores, present = logits[known, label], targets[known, label] > 0.5
        if isinstance(spec, AucMargin):  # it ranks, and does not care where the threshold lies
            assert scores[present].min() > scores[~present].max()
        else:
            assert torch.equal(scores > 0, present)
