"""An Optuna study rebuilt from rows at every start: it draws, and it keeps nothing of its own."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.trial import TrialState, create_trial

from search_spaces.grid import points
from search_spaces.objective import Objective
from search_spaces.overrides import Overrides
from search_spaces.ranges import is_within
from search_spaces.samplers import make_sampler
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
        notes: what the sampler noted when it drew.
    """

    number: int
    params: Mapping[str, Any]
    distributions: Mapping[str, str]
    spec: Mapping[str, Any]
    state: str
    values: Sequence[float] = ()
    epochs: int = 0
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Draw:
    """A new draw.

    Attributes:
        number: its number.
        spec: the trial.
        params, distributions: what was drawn, and from what (JSON text).
        notes: what the sampler noted: NSGA-II the generation and its parents, TPE and GP where an unfinished trial searches.
            A study rebuilt without them would draw other points than an unbroken one.
    """

    number: int
    spec: TrialSpec
    params: dict[str, Any]
    distributions: dict[str, str]
    notes: dict[str, Any] = field(default_factory=dict)


CHANGED = (
    "Nothing was changed. A changed space is another sweep: give it another --name, or restore the space. Only a range that "
    "contains the old one goes on, with `orchestrator extend`."
)


class SpaceChanged(ValueError):
    """The space gives another trial than it gave when the sweep began."""


class Study:
    """Draws trials from a space.

    Args:
        space: the search space.
        objectives: what it searches on.
        searcher: one of `search_spaces.searchers.SEARCHERS`.
        seed: seed of the sweep; draw n uses a seed made of it and n, so that a resumed search repeats nothing.
        overrides: values that the user fixed.
        past: draws of earlier starts, by number without a gap.
        widen: take earlier draws also where the space's ranges are wider now; they count as drawn from the wider ones.

    Attributes:
        widened: the wider distributions of earlier draws, by number; empty if every range is as it was.
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
        widen: bool = False,
    ) -> None:
        self._space = space
        self._searcher = searcher
        self._seed = seed
        self._overrides = overrides
        minimise, maximise = optuna.study.StudyDirection.MINIMIZE, optuna.study.StudyDirection.MAXIMIZE
        directions = [minimise if each.mode == "min" else maximise for each in objectives]
        self._study = optuna.create_study(directions=directions, sampler=optuna.samplers.RandomSampler(seed=seed))
        self._widen = widen
        self.widened: dict[int, dict[str, str]] = {}
        self._grid: list[dict[str, Any]] | None = None
        for trial in past:
            self._restore(trial)

    def draw(self) -> Draw:
        """Draw the next trial."""
        number = len(self._study.get_trials(deepcopy=False))
        self._study.sampler = make_sampler(self._searcher, self._seed, number)
        if self._searcher == "grid":
            self._study.enqueue_trial(self._next_point())
        before = self._study_notes()
        trial = self._study.ask()
        spec = self._overrides.draw(self._space, trial)
        frozen = self._study.get_trials(deepcopy=False)[trial.number]
        distributions = {name: distribution_to_json(each) for name, each in frozen.distributions.items()}
        of_trial = {name: note for name, note in frozen.system_attrs.items() if name != "fixed_params"}
        of_study = {name: note for name, note in self._study_notes().items() if before.get(name) != note}
        notes = {name: each for name, each in (("trial", of_trial), ("study", of_study)) if each}
        params = dict(trial.params)
        return Draw(number=trial.number, spec=spec, params=params, distributions=distributions, notes=notes)

    def _study_notes(self) -> dict[str, Any]:
        return dict(self._study._storage.get_study_system_attrs(self._study._study_id))

    def _next_point(self) -> dict[str, Any]:
        """Parameters of the next point of the grid that no trial has."""
        if self._grid is None:
            drawn = {_text(trial.params) for trial in self._study.get_trials(deepcopy=False)}
            every = points(lambda trial: self._overrides.draw(self._space, trial))
            self._grid = [each for each in every if _text(each) not in drawn]
        if not self._grid:
            size = len(self._study.get_trials(deepcopy=False))
            raise ValueError(f"The grid has {size} points, and draw {size} is beyond. Ask for fewer --trials.")
        return self._grid.pop(0)

    def tell(self, number: int, state: str, values: Sequence[float], epochs: int) -> None:
        """Report how a trial ended. One without a finite value for every objective counts as failed."""
        finite = len(values) == len(self._study.directions) and all(map(math.isfinite, values))
        if state == "completed" and finite:
            self._study.tell(number, list(values))
        elif state == "stopped" and finite:
            if len(values) == 1:
                optuna.Trial(self._study, number).report(values[0], step=epochs)  # numbers are ids in a study in memory
            self._study.tell(number, state=TrialState.PRUNED)
        else:
            self._study.tell(number, state=TrialState.FAIL)

    def _restore(self, past: PastTrial) -> None:
        spec, distributions = self._again(past)
        if to_plain(spec) != past.spec:
            raise SpaceChanged(_difference(past.number, past.spec, to_plain(spec)))
        self._study.add_trial(as_frozen(past, len(self._study.directions), distributions))
        for name, note in past.notes.get("study", {}).items():
            self._study._storage.set_study_system_attr(self._study._study_id, name, note)

    def _again(self, past: PastTrial) -> tuple[TrialSpec, Mapping[str, str]]:
        """What the space gives now for an earlier draw, and the ranges that it counts as drawn from."""
        fixed = optuna.trial.FixedTrial(dict(past.params))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # a value outside of a range that was narrowed
                spec = self._overrides.draw(self._space, fixed)
        except ValueError as error:
            raise SpaceChanged(f"The space cannot give trial {past.number} again: {error}. {CHANGED}") from None
        now = {name: distribution_to_json(each) for name, each in fixed.distributions.items()}
        if _values(now) == _values(past.distributions):
            return spec, past.distributions
        if not (self._widen and now.keys() == past.distributions.keys()) or not all(
            is_within(json_to_distribution(before), json_to_distribution(now[name]))
            for name, before in past.distributions.items()
        ):
            raise SpaceChanged(_difference(past.number, _values(past.distributions), _values(now)))
        self.widened[past.number] = now
        return spec, now


def as_frozen(
    past: PastTrial, objectives: int, distributions: Mapping[str, str] | None = None
) -> optuna.trial.FrozenTrial:
    """An earlier draw as Optuna keeps it.

    Args:
        past: the draw.
        objectives: how many there are; with fewer values an ended trial counts as failed.
        distributions: what it counts as drawn from, its own by default.
    """
    ranges = {name: json_to_distribution(text) for name, text in (distributions or past.distributions).items()}
    finite = len(past.values) == objectives and all(map(math.isfinite, past.values))
    ended = {"completed": TrialState.COMPLETE, "stopped": TrialState.PRUNED}.get(past.state, TrialState.FAIL)
    state = TrialState.RUNNING if past.state == "running" else ended if finite else TrialState.FAIL
    pruned = state == TrialState.PRUNED and objectives == 1
    return create_trial(
        state=state,
        params=dict(past.params),
        distributions=ranges,
        values=list(past.values) if state == TrialState.COMPLETE or pruned else None,
        intermediate_values={past.epochs: past.values[0]} if pruned else None,
        system_attrs=dict(past.notes.get("trial", {})),
    )


def _values(distributions: Mapping[str, str]) -> dict[str, Any]:
    return {name: json.loads(text) for name, text in distributions.items()}


def _text(params: Mapping[str, Any]) -> str:
    return json.dumps(params, sort_keys=True, default=str)


def _difference(number: int, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    parts = [
        f"{name}: {json.dumps(before.get(name))} before, {json.dumps(now.get(name))} now"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
    return f"The space gives another trial {number} than it gave when the sweep began ({'; '.join(parts)}). {CHANGED}"
