"""Rules decide as Ray Tune's own schedulers do, and a rule rebuilt from history as the unbroken one."""

import random
import statistics
from types import SimpleNamespace
from typing import Any

import pytest

from search_spaces.objective import Objective
from search_spaces.schedulers import SCHEDULERS, Asha, HyperBand, MedianStopping, Scheduler
from search_spaces.stopping import make_rule


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


def tunes(scheduler: Scheduler, mode: str) -> Any:
    """Tune's scheduler of the same settings."""
    from ray.tune.schedulers import AsyncHyperBandScheduler, MedianStoppingRule

    common = {"time_attr": "epoch", "metric": "objective", "mode": mode}
    if isinstance(scheduler, MedianStopping):
        return MedianStoppingRule(
            **common, grace_period=scheduler.grace_epochs, min_samples_required=scheduler.min_trials
        )
    assert isinstance(scheduler, Asha)
    factor = scheduler.reduction_factor
    return AsyncHyperBandScheduler(
        **common, max_t=10_000, grace_period=scheduler.grace_epochs, reduction_factor=factor, brackets=1
    )


class Trials(dict[str, Any]):
    """Trials of Tune as far as its schedulers look at them."""

    def __missing__(self, name: str) -> Any:
        class Trial:
            trial_id = name

        self[name] = Trial()
        return self[name]


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(
    "scheduler",
    [
        Asha(),
        Asha(grace_epochs=2, reduction_factor=2),
        Asha(reduction_factor=4),
        MedianStopping(),
        MedianStopping(grace_epochs=4, min_trials=5),
    ],
)
def test_a_rule_decides_as_tunes_scheduler_does(scheduler: Scheduler, mode: str) -> None:
    objective = Objective(metric="val/nll", mode=mode)  # type: ignore[arg-type]
    controller = SimpleNamespace(get_live_trials=list)
    for seed in range(5):
        ours, theirs, trials = make_rule(scheduler, objective), tunes(scheduler, mode), Trials()
        stopped: set[str] = set()
        for name, epoch, value in reports(seed):
            if name in stopped:
                continue
            if name not in trials:
                theirs.on_trial_add(controller, trials[name])
            stops = theirs.on_trial_result(controller, trials[name], {"epoch": epoch, "objective": value}) == "STOP"
            assert ours.stops(name, epoch, value) == stops, (seed, name, epoch)
            if stops:
                stopped.add(name)
        assert stopped or mode == "max"  # the values of these reports fall
        assert len(stopped) < 14


def test_median_stopping_is_what_its_definition_says() -> None:
    """A slow loop over every report."""
    objective, spec = Objective(metric="val/nll", mode="min"), MedianStopping(grace_epochs=3, min_trials=2)
    rule = make_rule(spec, objective)
    told: dict[str, dict[int, float]] = {}
    decisions = []
    for name, epoch, value in reports(7):
        told.setdefault(name, {})[epoch] = value
        means = [
            statistics.mean(theirs[each] for each in range(3, epoch + 1))
            for other, theirs in told.items()
            if other != name and epoch in theirs and epoch >= 3
        ]
        wanted = len(means) >= 2 and min(told[name].values()) > statistics.median(means)
        decisions.append(wanted)
        assert rule.stops(name, epoch, value) == wanted
    assert {True, False} == set(decisions)


def test_brackets_follow_from_the_number_and_each_is_an_asha_of_its_own() -> None:
    spec = HyperBand(grace_epochs=1, reduction_factor=2, brackets=3)
    brackets = [spec.bracket(number) for number in range(8)]
    assert brackets == [0, 1, 0, 2, 0, 1, 0, 2]
    objective = Objective(metric="val/nll", mode="min")
    whole = make_rule(spec, objective)
    apart = [make_rule(spec.halving(each), objective) for each in range(3)]
    for name, epoch, value in reports(2):
        own = apart[spec.bracket(int(name[-4:]))]
        assert whole.stops(name, epoch, value) == own.stops(name, epoch, value)
    assert [spec.halving(each).grace_epochs for each in range(3)] == [1, 2, 4]


@pytest.mark.parametrize("kind", ["asha", "median", "hyperband"])
def test_a_rule_rebuilt_from_history_decides_as_the_unbroken_one(kind: str) -> None:
    """In whatever order history comes: workers' clocks differ."""
    objective = Objective(metric="val/nll", mode="min")
    told = reports(3)
    whole = make_rule(SCHEDULERS[kind](), objective)
    decisions = [whole.stops(*report) for report in told]
    assert {True, False} == set(decisions)
    for cut in (1, 50, 200):
        history = told[:cut]
        for past in (history, sorted(history)):
            rebuilt = make_rule(SCHEDULERS[kind](), objective, past)
            assert [rebuilt.stops(*report) for report in told[cut:]] == decisions[cut:]


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [("asha", "reduction_factor", 1), ("median", "min_trials", 0), ("hyperband", "brackets", 0)],
)
def test_a_setting_that_makes_no_sense_is_refused(kind: str, name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"scheduler/{name} of {kind} is {value}; it is at least"):
        SCHEDULERS[kind](**{name: value})
