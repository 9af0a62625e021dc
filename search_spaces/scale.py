"""A paper's sweep in small: the same graph of trials and tasks, in sizes that two CPU cores finish in minutes.

`--scale small` takes the `Small` of a sweep. What then differs from the paper, and what a user's own `--set` makes differ, is
told by `differences`, for the screen and the report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from search_spaces.grid import points
from search_spaces.overrides import Overrides
from search_spaces.sweep import Small, Space, Sweep
from trainables.spec import PosthocSpec, Synthetic, TrialSpec

if TYPE_CHECKING:
    import optuna

Scale: TypeAlias = Literal["paper", "small"]
SCALES: tuple[Scale, ...] = get_args(Scale)
NOT_SETTINGS = ("kind", "seed")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A setting that differs from the paper's.

    Attributes:
        setting: its name, as `--set` has it; of a task `name/field`.
        paper: the paper's value in words.
        here: the one of this sweep.
    """

    setting: str
    paper: str
    here: str


@dataclass(frozen=True)
class ScaledSpace:
    """A space whose draws are changed afterwards.

    Attributes:
        space: the paper's.
        small: how its draws are changed.
        embedded: take the embedded images in place of the paper's data set.
    """

    space: Space
    small: Small
    embedded: bool

    def __call__(self, trial: optuna.trial.BaseTrial) -> TrialSpec:
        """Draw, and change what was drawn."""
        spec = self.space(trial)
        return self.small.change(replace(spec, data=self.small.embedded) if self.embedded else spec)


def in_small(sweep: Sweep, *, embedded: bool) -> Sweep:
    """The sweep in its small sizes.

    Args:
        sweep: as the paper has it.
        embedded: no data folder was given, so that the embedded images take its place.

    Raises:
        ValueError: the sweep has no small sizes.
    """
    small = sweep.small
    if small is None:
        raise ValueError(
            f"--scale small: {sweep.name} has no small sizes; the papers' sweeps (p0_... to p4_...) have. Make it smaller by "
            "--trials and --set, such as --set schedule/epochs=2."
        )
    return replace(
        sweep,
        space=ScaledSpace(small.space or sweep.space, small, embedded),
        posthoc=small.posthoc if small.posthoc is not None else sweep.posthoc,
        member_seeds=min(sweep.member_seeds, small.member_seeds),
    )


def differences(paper: Sweep, here: Sweep, overrides: Overrides) -> list[Difference]:
    """What a sweep has otherwise than the paper, the seeds aside.

    Drawn parameters are no differences: each point is compared with the paper's point of the same parameters, and what is
    the same for all is told once.

    Args:
        paper: the sweep as the paper has it.
        here: the one that is run.
        overrides: values that the user fixed.
    """
    from optuna.trial import FixedTrial

    found: dict[tuple[str, str], list[str]] = {}
    some = {name: kept for name, kept in overrides.params.items() if isinstance(kept, tuple)}
    for point in points(here.space):
        if any(point.get(name, kept[0]) not in kept for name, kept in some.items()):
            continue
        theirs = _flat(paper.space(FixedTrial(point)))
        ours = _flat(overrides.draw(here.space, FixedTrial(point)))
        for name in [*theirs, *(name for name in ours if name not in theirs)]:
            pair = (_words(theirs.get(name)), _words(ours.get(name)))
            if pair[0] != pair[1] and not _inside_a_change(name, theirs, ours):
                found.setdefault((name, pair[1]), []).append(pair[0])
    told = [
        Difference(setting=name, paper=" or ".join(dict.fromkeys(before)), here=now)
        for (name, now), before in found.items()
    ]
    wanted, drawn = len(points(paper.space)), min(here.trials, len(points(here.space)))
    if drawn < wanted:
        told.append(Difference(setting="trials", paper=str(wanted), here=str(drawn)))
    if here.member_seeds != paper.member_seeds:
        told.append(Difference(setting="member_seeds", paper=str(paper.member_seeds), here=str(here.member_seeds)))
    return [*told, *_of_tasks(paper.posthoc, here.posthoc)]


def _of_tasks(paper: Sequence[PosthocSpec], here: Sequence[PosthocSpec]) -> list[Difference]:
    """Tasks of one name are the same one; of what is left, those of one kind are told apart by their settings, in turn."""
    theirs, ours = ({task.name or task.kind: task for task in tasks} for tasks in (paper, here))
    pairs = [(name, theirs[name], ours[name]) for name in theirs if name in ours]
    gone = [task for name, task in theirs.items() if name not in ours]
    new = [task for name, task in ours.items() if name not in theirs]
    for task in list(gone):
        other = next((each for each in new if each.kind == task.kind), None)
        if other is not None:
            pairs.append((task.name or task.kind, task, other))
            gone.remove(task)
            new.remove(other)
    told = [
        Difference(setting=f"{name}/{part}", paper=_words(before.get(part)), here=_words(now.get(part)))
        for name, before, now in ((name, _flat(before), _flat(now)) for name, before, now in pairs)
        for part in {**before, **now}
        if before.get(part) != now.get(part)
    ]
    told += [Difference(setting=task.name or task.kind, paper="computed", here="left out") for task in gone]
    return told + [Difference(setting=task.name or task.kind, paper="-", here="added") for task in new]


def _flat(spec: Any, prefix: str = "") -> dict[str, Any]:
    return dict(_leaves(spec, prefix))


def _leaves(spec: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for field in fields(spec):
        value, name = getattr(spec, field.name), f"{prefix}{field.name}"
        if is_dataclass(value):
            yield name, type(value).__name__
            yield from _leaves(value, f"{name}/")
        elif field.name not in NOT_SETTINGS:
            yield name, value


def _inside_a_change(name: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    """Whether the kind of what holds the field has changed, which is told already."""
    parents = [name[:place] for place, letter in enumerate(name) if letter == "/"]
    return any(theirs.get(parent) != ours.get(parent) for parent in parents)


def _words(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if value == Synthetic.__name__:
        return "embedded radiographs"
    return f"{value:g}" if isinstance(value, float) else str(value)
