"""An Optuna study rebuilt from rows at every start: it draws, and it keeps nothing of its own."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.trial import TrialState, create_trial

from search_spaces.grid import points
from search_spaces.objective import Objective
from search_spaces.overrides import Overrides
from search_spaces.sweep import Space
from trainables.spec import TrialSpec, to_plain

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True, kw_only=True)
class PastTrial:
    """A draw of an earlier start.

    Attributes:
        number: its number.
        params, distributions: what was drawn, and from what (JSON text).
        spec: what it gave, as JSON values.
        state: `completed`, `stopped`, `failed`, or `running` if it is to go on.
        values: one an objective; empty if it failed or has not reported.
        epochs: how far it was trained.
    """

    number: int
    params: Mapping[str, Any]
    distributions: Mapping[str, str]
    spec: Mapping[str, Any]
    state: str
    values: Sequence[float] = ()
    epochs: int = 0


@dataclass(frozen=True, kw_only=True)
class Draw:
    """A new draw."""

    number: int
    spec: TrialSpec
    params: dict[str, Any]
    distributions: dict[str, str]


CHANGED = "Nothing was changed. A changed space is another sweep: give it another --name, or restore the space."


class SpaceChanged(ValueError):
    """The space gives another trial than it gave when the sweep began."""


class Study:
    """Draws trials from a space.

    Args:
        space: the search space.
        objectives: what it searches on.
        searcher: `tpe`, `random`, `nsga2` or `grid`.
        seed: seed of the sweep; draw n uses a seed made of it and n, so that a resumed search repeats nothing.
        overrides: values that the user fixed.
        past: draws of earlier starts, by number without a gap.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        searcher: str,
        seed: int,
        overrides: Overrides,
        past: Sequence[PastTrial] = (),
    ) -> None:
        self._space = space
        self._searcher = searcher
        self._seed = seed
        self._overrides = overrides
        minimise, maximise = optuna.study.StudyDirection.MINIMIZE, optuna.study.StudyDirection.MAXIMIZE
        directions = [minimise if each.mode == "min" else maximise for each in objectives]
        self._study = optuna.create_study(directions=directions)
        self._open: dict[int, optuna.Trial] = {}
        self._grid: list[dict[str, Any]] | None = None
        for trial in past:
            self._restore(trial)

    def draw(self) -> Draw:
        """Draw the next trial."""
        number = len(self._study.get_trials(deepcopy=False))
        self._study.sampler = _sampler(self._searcher, self._seed, number)
        if self._searcher == "grid":
            self._study.enqueue_trial(self._point(number))
        trial = self._study.ask()
        spec = self._overrides.draw(self._space, trial)
        self._open[trial.number] = trial
        frozen = self._study.get_trials(deepcopy=False)[trial.number]
        distributions = {name: distribution_to_json(each) for name, each in frozen.distributions.items()}
        return Draw(number=trial.number, spec=spec, params=dict(trial.params), distributions=distributions)

    def _point(self, number: int) -> dict[str, Any]:
        """Parameters of a point of the grid."""
        if self._grid is None:
            self._grid = points(lambda trial: self._overrides.draw(self._space, trial))
        if number >= len(self._grid):
            raise ValueError(
                f"The grid has {len(self._grid)} points, and draw {number} is beyond. Ask for fewer --trials."
            )
        return self._grid[number]

    def tell(self, number: int, state: str, values: Sequence[float], epochs: int) -> None:
        """Report how a trial ended. One without a finite value for every objective counts as failed."""
        trial = self._open.pop(number)
        finite = len(values) == len(self._study.directions) and all(map(math.isfinite, values))
        if state == "completed" and finite:
            self._study.tell(trial, list(values))
        elif state == "stopped" and finite:
            if len(values) == 1:
                trial.report(values[0], step=epochs)
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, state=TrialState.FAIL)

    def _restore(self, past: PastTrial) -> None:
        spec = self._again(past)
        if to_plain(spec) != past.spec:
            raise SpaceChanged(_difference(past.number, past.spec, to_plain(spec)))
        if past.state == "running":
            self._study.enqueue_trial(dict(past.params))
            trial = self._study.ask()
            self._overrides.draw(self._space, trial)
            self._open[trial.number] = trial
        else:
            self._study.add_trial(_ended(past, len(self._study.directions)))

    def _again(self, past: PastTrial) -> TrialSpec:
        """What the space gives now for an earlier draw, out of the same ranges."""
        fixed = optuna.trial.FixedTrial(dict(past.params))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # a value outside of a range that was narrowed
                spec = self._overrides.draw(self._space, fixed)
        except ValueError as error:
            raise SpaceChanged(f"The space cannot give trial {past.number} again: {error}. {CHANGED}") from None
        ranges = {name: json.loads(distribution_to_json(each)) for name, each in fixed.distributions.items()}
        before = {name: json.loads(text) for name, text in past.distributions.items()}
        if ranges != before:
            raise SpaceChanged(_difference(past.number, before, ranges))
        return spec


def _ended(past: PastTrial, objectives: int) -> optuna.trial.FrozenTrial:
    distributions = {name: json_to_distribution(text) for name, text in past.distributions.items()}
    finite = len(past.values) == objectives and all(map(math.isfinite, past.values))
    state = {"completed": TrialState.COMPLETE, "stopped": TrialState.PRUNED}.get(past.state, TrialState.FAIL)
    if not finite:
        state = TrialState.FAIL
    values = list(past.values) if state == TrialState.COMPLETE else None
    steps = {past.epochs: past.values[0]} if state == TrialState.PRUNED and objectives == 1 else None
    return create_trial(
        state=state, params=dict(past.params), distributions=distributions, values=values, intermediate_values=steps
    )


def _sampler(searcher: str, seed: int, number: int) -> optuna.samplers.BaseSampler:
    draw_seed = int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:4])
    if searcher in ("random", "grid"):
        return optuna.samplers.RandomSampler(seed=draw_seed)
    if searcher == "nsga2":
        return optuna.samplers.NSGAIISampler(seed=draw_seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=draw_seed, n_startup_trials=5, multivariate=True, group=True, constant_liar=True
        )


def _difference(number: int, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    parts = [
        f"{name}: {json.dumps(before.get(name))} before, {json.dumps(now.get(name))} now"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
    return f"The space gives another trial {number} than it gave when the sweep began ({'; '.join(parts)}). {CHANGED}"
