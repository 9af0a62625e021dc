from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainables.test_fit import SPEC, easy_images, labelled_images, run
from trainables.checkpoint import TrainingState
from trainables.fit import Training
from trainables.losses.auc_margin import AucMarginLoss
from trainables.pesg import Pesg
from trainables.spec import AucMargin, Augmentation, Optimizer, Sampling, Schedule, SmallCNN, TrialSpec

PESG = Optimizer(kind="pesg", learning_rate=0.2)
AUC = replace(SPEC, loss=AucMargin(pretrain_epochs=1), optimizer=PESG)


def test_steps_are_those_of_the_printed_algorithm() -> None:
    """On v^2 / 2 + v alpha - alpha^2 / 2 + alpha, with a reference of the mean of the epoch before."""
    v, alpha = (nn.Parameter(torch.tensor(start, dtype=torch.float64)) for start in ([1.0, -3.0], [0.5, 0.1]))
    optimizer = Pesg([v], [alpha], lr=0.1, weight_decay=0.01, epoch_decay=0.5)
    w, dual = np.array([1.0, -3.0]), np.array([0.5, 0.1])
    reference, clamped = w.copy(), False
    for epoch in range(3):
        optimizer.begin_epoch(epoch)
        iterates = []
        for _ in range(4):
            optimizer.zero_grad()
            (v.square() / 2 + v * alpha - alpha.square() / 2 + 0.1 * alpha).sum().backward()
            optimizer.step()
            descent, ascent = w + dual, w - dual + 0.1
            w = w - 0.1 * (descent + 0.5 * (w - reference)) - 0.01 * 0.1 * w
            dual = np.maximum(0, dual + 0.1 * ascent)
            clamped |= bool((dual == 0).any())
            iterates.append(w)
            np.testing.assert_allclose(v.detach().numpy(), w, rtol=1e-12)
            np.testing.assert_allclose(alpha.detach().numpy(), dual, rtol=1e-12)
        reference = np.mean(iterates, axis=0)
    assert clamped, "a dual variable met its bound"


def test_without_the_pull_it_is_gradient_descent() -> None:
    ours, theirs = (nn.Parameter(torch.tensor([1.0, -2.0])) for _ in range(2))
    one = Pesg([ours], lr=0.1, weight_decay=0.1, epoch_decay=0.0)
    other = torch.optim.SGD([theirs], lr=0.1, weight_decay=0.1)
    for _ in range(3):
        for parameter, optimizer in ((ours, one), (theirs, other)):
            optimizer.zero_grad()
            parameter.pow(4).sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours, theirs)
    assert not one.state


def test_it_finds_the_saddle_point_of_the_loss() -> None:
    loss = AucMarginLoss(torch.tensor([0.4]), AucMargin(), exclusive=False)
    logits, targets = torch.tensor([2.0, 0.0, -0.5, -1.0, -2.0])[:, None], torch.tensor([1.0, 1, 0, 0, 0])[:, None]
    optimizer = Pesg(loss.minimised(), loss.maximised(), lr=0.5, epoch_decay=0.0)
    for _ in range(200):
        optimizer.zero_grad()
        loss(lambda images: images, logits, targets)[0].backward()  # type: ignore[arg-type, return-value]
        optimizer.step()
    scores = torch.sigmoid(logits)[:, 0]
    a, b = scores[:2].mean().item(), scores[2:].mean().item()
    assert (loss.a.item(), loss.b.item()) == pytest.approx((a, b), abs=1e-4)
    assert loss.alpha.item() == pytest.approx(1 - (a - b), abs=1e-4)


@pytest.mark.parametrize(
    ("images", "average", "stopped"),
    [(easy_images, None, 1), (easy_images, 0.9, 2), (labelled_images, None, 2), (labelled_images, 0.9, 1)],
)
def test_a_run_killed_in_either_stage_and_continued_is_the_same_bit_for_bit(
    images, average: float | None, stopped: int, tmp_path: Path
) -> None:
    spec = replace(AUC, schedule=replace(SPEC.schedule, average_decay=average))
    whole, first = Training(spec, images()), Training(spec, images())
    told = run(whole, 4)
    run(first, stopped)
    first.state().save(tmp_path)
    second = Training(spec, images())
    second.load(TrainingState.load(tmp_path))
    assert run(second, 4 - stopped) == told[stopped:]
    one, other = whole.state(), second.state()
    assert set(one.loss) == {"a", "b", "alpha"}
    assert all(float(tensor.abs().sum()) > 0 for tensor in one.loss.values())
    for left, right in ((one.loss, other.loss), (one.weights, other.weights), (one.optimizer, other.optimizer)):
        assert set(left) == set(right)
        for name, tensor in left.items():
            assert torch.equal(tensor, right[name]), name


@pytest.mark.parametrize(("images", "metric"), [(easy_images, "val/accuracy"), (labelled_images, "val/auroc")])
def test_training_on_the_area_under_the_curve_raises_it(images, metric: str) -> None:
    spec = replace(
        AUC,
        model=SmallCNN(widths=(4, 8)),
        augmentation=Augmentation(),
        optimizer=Optimizer(kind="pesg", learning_rate=0.5),
        schedule=Schedule(epochs=12, batch_size=8, best_metric=metric, best_mode="max"),
    )
    training = Training(spec, images())
    reports = [training.run_epoch() for _ in range(12)]
    assert max(report.metrics[metric] for report in reports) > 0.9


def test_balanced_draws_balance_the_shares_of_the_loss() -> None:
    images = easy_images()
    images.targets[images.splits == "train"] = (np.arange((images.splits == "train").sum()) % 4 == 0).astype(np.int64)
    for draw, share in (("shuffle", 0.25), ("balanced", 0.5)):
        loss = Training(replace(AUC, sampling=Sampling(draw=draw)), images).loss  # type: ignore[arg-type]
        assert isinstance(loss, AucMarginLoss)
        assert loss.shares[1].item() == pytest.approx(share)


def test_a_loss_that_wants_pesg_is_refused_with_another_optimiser() -> None:
    with pytest.raises(ValueError, match=r"Optimizer\(kind='pesg'"):
        TrialSpec(data=SPEC.data, model=SPEC.model, loss=AucMargin())
    with pytest.raises(ValueError, match="4 of 4 epochs"):
        replace(AUC, loss=AucMargin(pretrain_epochs=4))
    with pytest.raises(ValueError, match="only 'pesg' has one"):
        Optimizer(kind="adam", epoch_decay=0.1)
