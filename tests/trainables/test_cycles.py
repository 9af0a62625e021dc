from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from trainables.optimization import learning_rate
from trainables.spec import Optimizer, Schedule, SmallCNN, Snapshots, Synthetic, TrialSpec, why_undefined

SPEC = TrialSpec(data=Synthetic(), model=SmallCNN(), optimizer=Optimizer(learning_rate=0.1))


def test_cycles_are_torchs_warm_restarts_and_end_with_an_epoch() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    oracle = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=4)
    spec = replace(SPEC, schedule=Schedule(epochs=12, cycles=3))
    assert spec.schedule.cycle_ends == (4, 8, 12)
    for step in range(48):
        oracle.step(step / 4)
        assert learning_rate(spec, step / 4) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
    assert learning_rate(spec, 12.0) == pytest.approx(0.0, abs=1e-9)


def test_the_warm_up_stands_before_the_first_cycle_only() -> None:
    spec = replace(SPEC, schedule=Schedule(epochs=8, warmup_epochs=2, cycles=2))
    assert spec.schedule.cycle_ends == (5, 8)
    assert learning_rate(spec, 1.0) == pytest.approx(0.05, rel=1e-2)
    assert [learning_rate(spec, position) for position in (2.0, 5.0)] == pytest.approx([0.1, 0.1])
    assert learning_rate(spec, 4.99) < 1e-4


def test_a_schedule_of_one_cycle_keeps_its_key_and_has_no_snapshots() -> None:
    assert replace(SPEC, schedule=Schedule(epochs=8, cycles=1)) == replace(SPEC, schedule=Schedule(epochs=8))
    assert Schedule(epochs=8).cycle_ends == ()
    assert why_undefined(Snapshots(), SPEC)
    three = replace(SPEC, schedule=Schedule(epochs=9, cycles=3))
    assert not why_undefined(Snapshots(), three)
    assert not why_undefined(Snapshots(last=3), three)
    assert why_undefined(Snapshots(last=4), three)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"cycles": 0}, "at least 1"),
        ({"cycles": 2, "decay": "constant"}, "only 'cosine' has cycles"),
        ({"cycles": 3}, "no whole number of epochs"),
        ({"cycles": 2, "patience": 2}, "Leave patience out"),
    ],
)
def test_cycles_that_would_not_end_with_an_epoch_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Schedule(epochs=8, **wrong)


def test_one_snapshot_is_no_ensemble() -> None:
    with pytest.raises(ValueError, match="last is 1"):
        Snapshots(last=1)
