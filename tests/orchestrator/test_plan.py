"""What a sweep will take, estimated before it starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.plan import Family, Plan
from orchestrator.probe import Cost
from tests.orchestrator.cli.program import SPACE, orchestrator


def cost(memory_bytes: int, gpu_bytes: int) -> Cost:
    return Cost(
        train_seconds=0.1,
        evaluate_seconds=0.05,
        memory_bytes=memory_bytes,
        gpu_bytes=gpu_bytes,
        weights_bytes=10,
        state_bytes=30,
    )


@pytest.mark.parametrize(
    ("memory", "gpu", "share"), [(10, 0, 0.0), (10, 24, 1 / 2), (10, 23, 1.0), (30, 24, 1.0), (5, 24, 1 / 4)]
)
def test_the_share_of_a_gpu_lets_whole_trials_fill_it(memory: int, gpu: int, share: float) -> None:
    assert cost(memory, gpu).gpu_share == share


def test_time_disk_and_price_add_up() -> None:
    families = tuple(
        Family(name=name, share=share, cost=cost(10, 0), seconds=seconds, disk_bytes=100)
        for name, share, seconds in (("a", 0.25, 400.0), ("b", 0.75, 800.0))
    )
    plan = Plan(trials=8, members=2, tasks=30, concurrent=2, families=families, price_per_hour=3.6)
    assert plan.seconds == (0.25 * 400 + 0.75 * 800) * 10 / 2
    assert plan.disk_bytes == 1000
    assert plan.price == pytest.approx(3.5)


def test_a_plan_measures_and_leaves_nothing(tmp_path: Path) -> None:
    space, storage = tmp_path / "tiny.py", tmp_path / "runs"
    space.write_text(SPACE)
    said = orchestrator("plan", space, "--storage", storage, "--trials", 40, "--price-per-hour", 2, "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert (found["trials"], found["members"], found["tasks"]) == (40, 1, 82)
    family = found["families"][0]
    assert family["name"] == "small_cnn, 32 px, batches of 16"
    assert 0 < family["seconds"] < 60
    assert family["memory_bytes"] > 0
    assert found["seconds"] > family["seconds"]
    assert found["price"] == pytest.approx(found["seconds"] / 1800)
    assert not storage.exists()
