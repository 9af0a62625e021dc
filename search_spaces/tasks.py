"""Post-hoc tasks as a user writes them: by name, or as a kind with its settings."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from search_spaces.sweep import Sweep
from trainables.spec import PosthocSpec, from_plain, nearest, to_plain

EXAMPLE = "--tasks laplace_full or --tasks laplace:hessian_structure=full:prior_precision=grid"


def parse_tasks(texts: Sequence[str]) -> tuple[PosthocSpec, ...]:
    """Tasks of `--tasks`: names (`laplace_full`) or kinds with settings (`laplace:samples=50`), several with commas between.

    Args:
        texts: what the user gave, one an option.

    Raises:
        ValueError: an unknown name, kind or setting, or a value of another type.
    """
    words = [word for text in texts for word in _split(text, ",")]
    return tuple(dict.fromkeys(map(_task, words)))


def with_tasks(sweep: Sweep, tasks: Sequence[PosthocSpec]) -> Sweep:
    """The sweep with further tasks; those that it has already are taken once.

    Raises:
        ValueError: another task of the sweep writes metrics under the same name.
    """
    known = list(sweep.posthoc)
    for task in tasks:
        if task in known:
            continue
        other = next((each for each in known if each.name == task.name), None)
        if other is not None:
            raise ValueError(
                f"--tasks {task.kind}: the sweep has a task {task.name or task.kind!r} with other settings "
                f"({json.dumps(to_plain(other))} there, {json.dumps(to_plain(task))} here), and the metrics of both would "
                "have one name. Give it a setting that is part of the name, or start another sweep with --name: its "
                "networks are taken from the store."
            )
        known.append(task)
    return dataclasses.replace(sweep, posthoc=tuple(known))


def task_names() -> dict[str, PosthocSpec]:
    """Every task whose name says all of it: each kind with each of its choices, and the other settings at their default."""
    return dict(_names())


def _task(word: str) -> PosthocSpec:
    kind, *settings = _split(word, ":")
    named = _names()
    kinds = _kinds()
    if not settings and kind in named:
        return named[kind]
    if kind not in kinds:
        raise ValueError(f"--tasks {word}: there is no such task. {nearest(kind, {*named, *kinds})}")
    plain: dict[str, Any] = {"kind": kind}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"--tasks {word}: {setting!r} wants NAME=VALUE, as in {EXAMPLE}.")
        plain[name.strip()] = _value(text.strip())
    try:
        task: PosthocSpec = from_plain(PosthocSpec, plain, kind)
    except ValueError as error:
        raise ValueError(f"--tasks {word}: {error}") from None
    return task


def _kinds() -> Mapping[str, type]:
    return {each.kind: each for each in get_args(PosthocSpec)}


@functools.cache
def _names() -> dict[str, PosthocSpec]:
    names: dict[str, PosthocSpec] = {}
    for kind, task in _kinds().items():
        for settings in _choices(task):
            try:
                made = task(**settings)
            except ValueError:  # choices that do not go together
                continue
            names.setdefault(made.name or kind, made)
        if not _required(task):
            names.setdefault(kind, task())
    return names


def _choices(task: type) -> list[dict[str, Any]]:
    hints = get_type_hints(task)
    fields = [field.name for field in dataclasses.fields(task) if field.name != "kind"]
    literal = [name for name in fields if get_origin(hints[name]) is Literal]
    if _required(task) - set(literal):
        return []
    combinations = itertools.product(*(get_args(hints[name]) for name in literal))
    return [dict(zip(literal, values, strict=True)) for values in combinations]


def _required(task: type) -> set[str]:
    missing = dataclasses.MISSING
    return {
        field.name
        for field in dataclasses.fields(task)
        if field.default is missing and field.default_factory is missing
    }


def _value(text: str) -> Any:
    if text.lower() in ("none", "null"):
        return None
    try:
        return json.loads(text.lower() if text.lower() in ("true", "false") else text)
    except ValueError:
        return text


def _split(text: str, mark: str) -> list[str]:
    """Parts between marks that stand outside brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if letter == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]
