"""Searcher and scheduler as a user sets them: `--set searcher=gp`, `--set scheduler=median`, `--set scheduler/min_trials=5`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import cast

from search_spaces.schedulers import SCHEDULERS, Pbt, Scheduler
from search_spaces.searchers import SEARCHERS, Searcher
from search_spaces.sweep import Sweep
from trainables.spec import from_plain, nearest, to_plain

PREFIX = "scheduler/"
OPTIONS = {
    kind: [each.name for each in fields(scheduler) if each.name != "kind"] for kind, scheduler in SCHEDULERS.items()
}
SEARCH_KEYS = (
    "searcher",
    "scheduler",
    *dict.fromkeys(f"{PREFIX}{name}" for names in OPTIONS.values() for name in names),
)


def is_of_scheduler(key: str) -> bool:
    """Whether a key names the scheduler or one of its options."""
    return key == "scheduler" or key.startswith(PREFIX)


def with_searcher(sweep: Sweep, text: str) -> Sweep:
    """The sweep with another searcher.

    Raises:
        ValueError: there is no such, or the scheduler draws by itself.
    """
    if isinstance(sweep.scheduler, Pbt):
        raise ValueError(
            f"--set searcher={text}: the scheduler is pbt, which draws its population at random and changes it by itself. Leave "
            "the searcher out, or take another scheduler (--set scheduler=asha)."
        )
    if text not in SEARCHERS:
        raise ValueError(f"--set searcher={text}: there are {', '.join(SEARCHERS)}. {nearest(text, SEARCHERS)}")
    return replace(sweep, searcher=cast(Searcher, text))


def with_scheduler(sweep: Sweep, texts: Mapping[str, str]) -> Sweep:
    """The sweep with another scheduler, or with other options of the one that it has.

    Args:
        sweep: the experiment.
        texts: `scheduler` and its options (`scheduler/grace_epochs`) with their values, as a user writes them.

    Raises:
        ValueError: there is no such scheduler or option, or a value does not fit.
    """
    plain = to_plain(sweep.scheduler)
    if "scheduler" in texts:
        kind = texts["scheduler"].lower()
        if kind not in (*SCHEDULERS, "none"):
            known = ["none", *SCHEDULERS]
            raise ValueError(f"--set scheduler={kind}: there are {', '.join(known)}. {nearest(kind, known)}")
        if plain is None or kind != plain["kind"]:
            plain = None if kind == "none" else {"kind": kind}
    for key, text in texts.items():
        if key != "scheduler":
            plain = {**_required(plain, key, text), key.removeprefix(PREFIX): _number(text)}
    scheduler: Scheduler | None = from_plain(Scheduler | None, plain, "scheduler")
    if isinstance(scheduler, Pbt) and not isinstance(sweep.scheduler, Pbt):
        return replace(sweep, scheduler=scheduler, searcher="random")
    return replace(sweep, scheduler=scheduler)


def _required(plain: dict[str, object] | None, key: str, text: str) -> dict[str, object]:
    """The scheduler that an option belongs to."""
    if plain is None:
        raise ValueError(
            f"--set {key}={text}: this sweep has no scheduler. Name one too, such as --set scheduler=asha."
        )
    known, name = OPTIONS[str(plain["kind"])], key.removeprefix(PREFIX)
    if name not in known:
        raise ValueError(
            f"--set {key}={text}: the scheduler is {plain['kind']}, which has {', '.join(known)}. {nearest(name, known)}"
        )
    return plain


def _number(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
