"""Values that a user fixes with `--set key=value`: a drawn parameter, or a field of the trial."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna

from search_spaces.origin import where_in
from search_spaces.ranges import widest
from search_spaces.sweep import Space
from trainables.spec import TrialSpec, from_plain, nearest, to_plain

PROBES = 64


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """Fixed values by key.

    Attributes:
        params: drawn parameters that get one value instead, such as `backbone` or `loss/gamma`; of choices a tuple leaves
            those that are drawn from.
        fields: fields of the trial by path, such as `schedule/epochs`.
        ranges: lowest and highest value of drawn numbers whose range an extension widened; never narrower than the space's.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def draw(self, space: Space, trial: optuna.trial.BaseTrial) -> TrialSpec:
        """Let the space draw, with the fixed values in place.

        Raises:
            ValueError: the space raises something, or returns no whole TrialSpec; with the line where it breaks.
        """
        try:
            spec = space(_Fixed(trial, self.params, self.ranges))  # type: ignore[arg-type]
        except Exception as error:  # whatever a user's function raises is told with its line
            raise ValueError(f"{_where(space, error)} raised {type(error).__name__}: {error}") from error
        if not isinstance(spec, TrialSpec):
            raise ValueError(
                f"{_where(space)} returned {type(spec).__name__}, and must return a TrialSpec. See "
                "search_spaces/demo.py for one that does."
            )
        _require_whole(space, spec)
        return self.apply(spec)

    def apply(self, spec: TrialSpec) -> TrialSpec:
        """Put the fixed fields into a description; a field that its kind of loss or network lacks is left alone."""
        if not self.fields:
            return spec
        plain = to_plain(spec)
        for path, value in self.fields.items():
            if _has_field(spec, path):
                _put(plain, spec, path, value)
        replaced: TrialSpec = from_plain(TrialSpec, plain)
        return replaced

    def to_plain(self) -> dict[str, Any]:
        """What is fixed, as JSON values; a widened range is no other sweep, and left out."""
        return {**self.params, **self.fields}


def parse_overrides(space: Space, texts: Mapping[str, str], also_known: Sequence[str] = ()) -> Overrides:
    """Sort `key=value` texts into parameters and fields of the space's trials.

    Args:
        space: the search space.
        texts: values by key, as a user writes them.
        also_known: keys that somebody else takes; an unknown key may be a mistyped one of these.

    Raises:
        ValueError: no draw of the space has that key, or no draw takes that value.
    """
    if not texts:
        return Overrides()
    params, specs = probe(space)
    fields = field_paths(specs)
    chosen: dict[str, Any] = {}
    fixed: dict[str, Any] = {}
    for key, text in texts.items():
        value = _value(text)
        if key in params:
            chosen[key] = _fitting(key, value, text, params[key])
        elif key in fields:
            fixed[key] = value
        else:
            raise ValueError(
                f"--set {key}: this space has no such key. {nearest(key, {*params, *fields, *also_known})}"
            )
    overrides = Overrides(params=chosen, fields=fixed)
    try:
        probe(space, overrides)  # a value of the wrong type or range is refused now, not in the middle of the sweep
    except ValueError as error:
        settings = " ".join(f"--set {key}={text}" for key, text in texts.items())
        raise ValueError(f"{settings}: {error}") from None
    return overrides


def probe(
    space: Space, overrides: Overrides | None = None
) -> tuple[dict[str, optuna.distributions.BaseDistribution], list[TrialSpec]]:
    """Draw some trials at random to learn the space's parameters.

    Raises:
        ValueError: the space is broken, or does not go with the fixed values.
    """
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    params: dict[str, optuna.distributions.BaseDistribution] = {}
    specs = []
    for _ in range(PROBES):
        trial = study.ask()
        specs.append((overrides or Overrides()).draw(space, trial))
        params |= trial.distributions
    return params, specs


def field_paths(specs: Sequence[TrialSpec]) -> set[str]:
    """Paths of the fields that some of the descriptions have, such as `schedule/epochs`."""
    return {path for spec in specs for path in _paths(spec)}


class _Fixed:
    """A trial that gives fixed values for some names and asks the real one for the others."""

    def __init__(
        self, trial: optuna.trial.BaseTrial, fixed: Mapping[str, Any], ranges: Mapping[str, tuple[float, float]]
    ) -> None:
        self._trial = trial
        self._fixed = fixed
        self._ranges = ranges

    def suggest_float(self, name: str, low: float, high: float, **options: Any) -> float:
        if name in self._fixed:
            return float(self._fixed[name])
        low, high = widest(low, high, self._ranges.get(name))
        return self._trial.suggest_float(name, low, high, **options)

    def suggest_int(self, name: str, low: int, high: int, **options: Any) -> int:
        if name in self._fixed:
            return int(self._fixed[name])
        lowest, highest = widest(low, high, self._ranges.get(name))
        return self._trial.suggest_int(name, int(lowest), int(highest), **options)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        fixed = self._fixed.get(name)
        if isinstance(fixed, tuple):
            return self._trial.suggest_categorical(name, fixed)
        return fixed if name in self._fixed else self._trial.suggest_categorical(name, choices)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trial, name)


def _fitting(key: str, value: Any, text: str, distribution: optuna.distributions.BaseDistribution) -> Any:
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        options = {str(choice): choice for choice in distribution.choices}
        if "," in text and text not in options:
            return _some(key, [part.strip() for part in text.split(",")], options)
        if text not in options and str(value) not in options:
            raise ValueError(f"--set {key}={text}: the space offers {', '.join(options)}. {nearest(text, options)}")
        return options.get(text, options.get(str(value)))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"--set {key}={text}: wants a number.")
    if isinstance(distribution, optuna.distributions.IntDistribution) and value != int(value):
        raise ValueError(f"--set {key}={text}: wants a whole number.")
    return value


def _some(key: str, parts: Sequence[str], options: Mapping[str, Any]) -> tuple[Any, ...]:
    """Several of the choices, in the space's order."""
    for part in parts:
        if part not in options:
            raise ValueError(f"--set {key}: the space offers {', '.join(options)}. {nearest(part, options)}")
    return tuple(choice for name, choice in options.items() if name in parts)


def _where(space: Space, error: BaseException | None = None) -> str:
    """The search space with its file, and with the line if an error comes from there."""
    file = getattr(getattr(space, "__code__", None), "co_filename", "")
    place = (where_in(error, file) if error else "") or file
    return f"{place}: the search space" if place else "The search space"


def _require_whole(space: Space, spec: TrialSpec) -> None:
    """Refuse a TrialSpec whose fields hold something else than they should; dataclasses take anything."""
    try:
        from_plain(TrialSpec, json.loads(json.dumps(to_plain(spec))))
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{_where(space)} returned a TrialSpec that is not sound: {error}") from None


def _value(text: str) -> Any:
    if text.lower() in ("none", "null"):
        return None
    try:
        return json.loads(text.lower() if text.lower() in ("true", "false") else text)
    except ValueError:
        return text


def _paths(spec: Any, prefix: str = "") -> Iterator[str]:
    for name in getattr(spec, "__dataclass_fields__", {}):
        inner = getattr(spec, name)
        if hasattr(inner, "__dataclass_fields__"):
            yield from _paths(inner, f"{prefix}{name}/")
        elif name != "kind":
            yield f"{prefix}{name}"


def _has_field(spec: TrialSpec, path: str) -> bool:
    return path in set(_paths(spec))


def _put(plain: dict[str, Any], spec: Any, path: str, value: Any) -> None:
    *parents, leaf = path.split("/")
    for parent in parents:
        spec = getattr(spec, parent)
        plain = plain.setdefault(parent, to_plain(spec))
    is_list = isinstance(getattr(spec, leaf), tuple) and value is not None and not isinstance(value, list)
    plain[leaf] = [part.strip() for part in str(value).split(",")] if is_list else copy.copy(value)
