import random

import pytest

from orchestrator.executors.protocol import Scheduling
from search_spaces.halving import Halving
from search_spaces.objective import Objective
from search_spaces.sweep import Asha


def reports(seed: int, trials: int = 14, epochs: int = 20) -> list[tuple[str, int, float]]:
    """Interleaved reports of trials that get better at different speeds."""
    generator = random.Random(seed)
    speed = {f"trial-{n:04d}": generator.uniform(0.2, 2) for n in range(trials)}
    queue = [(name, epoch) for name in speed for epoch in range(1, epochs + 1)]
    queue.sort(key=lambda pair: pair[1] + generator.random() * 4)
    seen: dict[str, int] = {}
    ordered = []
    for name, _ in queue:
        seen[name] = seen.get(name, 0) + 1
        ordered.append((name, seen[name], 1 / (1 + speed[name] * seen[name]) + generator.random() * 0.01))
    return ordered


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("asha", [Asha(), Asha(grace_epochs=2, reduction_factor=2), Asha(reduction_factor=4)])
def test_the_inline_scheduler_decides_as_tunes_does(asha: Asha, mode: str) -> None:
    from orchestrator.executors.ray.adapters import ReplayedAsha, _Past

    objective = Objective(metric="val/nll", mode=mode)  # type: ignore[arg-type]
    for seed in range(5):
        ours = Halving(asha, objective)
        tunes = ReplayedAsha(Scheduling(asha=asha, objective=objective))
        stopped: set[str] = set()
        for name, epoch, value in reports(seed):
            if name in stopped:
                continue
            past = _Past(name)
            tunes.on_trial_add(None, past)
            theirs = tunes.on_trial_result(None, past, {"epoch": epoch, "objective": value}) == "STOP"
            assert ours.stops(name, epoch, value) == theirs, (seed, name, epoch)
            if theirs:
                stopped.add(name)
        assert stopped


def test_tunes_scheduler_rebuilt_from_history_decides_as_the_unbroken_one() -> None:
    from orchestrator.executors.ray.adapters import ReplayedAsha, _Past

    objective = Objective(metric="val/nll", mode="min")
    told = reports(3)
    whole = ReplayedAsha(Scheduling(asha=Asha(), objective=objective))
    decisions = []
    for name, epoch, value in told:
        whole.on_trial_add(None, _Past(name))
        decisions.append(whole.on_trial_result(None, _Past(name), {"epoch": epoch, "objective": value}))
    for cut in (1, 50, 200):
        rebuilt = ReplayedAsha(Scheduling(asha=Asha(), objective=objective, history=told[:cut]))
        for (name, epoch, value), decision in zip(told[cut:], decisions[cut:], strict=True):
            rebuilt.on_trial_add(None, _Past(name))
            assert rebuilt.on_trial_result(None, _Past(name), {"epoch": epoch, "objective": value}) == decision
