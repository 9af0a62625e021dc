"""Canonical JSON of a specification, and the keys made from it.

A key names a result by what it was made from: `kind-<16 hex of sha256>` over the kind, the version of the code, the
settings and the keys of the inputs. Paths, times, users and resources never enter a key.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import hashlib
import json
import math
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Spec = TypeVar("Spec")


def to_plain(value: Any) -> Any:
    """Turn a specification into JSON values.

    Fields that stand at their default are left out, so that an option added later renames no older result. A `kind`
    tag is always written, because it is what tells the members of a union apart.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        hints = _hints(type(value))
        return {
            field.name: to_plain(_as_hinted(hints[field.name], getattr(value, field.name)))
            for field in dataclasses.fields(value)
            if field.name == "kind" or getattr(value, field.name) != _default(field)
        }
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): to_plain(item) for name, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(
            f"A specification holds {value!r}, and only finite numbers have a JSON form. Use None instead."
        )
    return value


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a specification: sorted names, no spaces, no field at its default."""
    return json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def content_key(kind: str, *, version: int, settings: Any, inputs: Iterable[str] = ()) -> str:
    """Name a result by what it is made from.

    Args:
        kind: noun in front of the key, such as `network`.
        version: integer of the code that computes it (see `trainables.spec.versions`).
        settings: a specification or JSON values.
        inputs: keys and fingerprints of what it is computed from, in an order that matters.

    Returns:
        `kind-<16 hex>`.
    """
    text = canonical_json({"kind": kind, "version": version, "settings": to_plain(settings), "inputs": list(inputs)})
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def from_plain(kind: type[Spec] | Any, value: Any, where: str = "") -> Any:
    """Build a specification of the given type from JSON values, refusing what it does not know.

    Args:
        kind: a dataclass, a union of dataclasses told apart by their `kind` field, or the type of a field.
        value: JSON values as written by `to_plain`, or by a person.
        where: path of the value inside the whole, for messages (`loss/gamma`).

    Raises:
        ValueError: an unknown name, a missing name or a value of another type; the message names the place.
    """
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _union_from_plain(get_args(kind), value, where)
    if dataclasses.is_dataclass(kind):
        return _dataclass_from_plain(kind, value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise _wrong(where, "a list", value)
        inner = get_args(kind)
        each = inner[:1] * len(value) if inner[-1:] == (Ellipsis,) else inner
        if len(each) != len(value):
            raise _wrong(where, f"a list of {len(each)}", value)
        return tuple(
            from_plain(part, item, f"{where}[{n}]") for n, (part, item) in enumerate(zip(each, value, strict=True))
        )
    if origin is Literal:
        if value not in get_args(kind):
            raise _wrong(where, "one of " + ", ".join(map(repr, get_args(kind))), value)
        return value
    return _scalar_from_plain(kind, value, where)


def nearest(name: str, names: Iterable[str]) -> str:
    """Return ' Did you mean ...?' for a mistyped name, or a list of the names there are."""
    known = sorted(names)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(known)}."


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return {name: hint for name, hint in get_type_hints(kind).items() if get_origin(hint) is not ClassVar}


def _as_hinted(hint: Any, value: Any) -> Any:
    """Write 1 as 1.0 where a field is a float: both mean the same network."""
    wants_float = hint is float or (float in get_args(hint) and int not in get_args(hint))
    return float(value) if wants_float and type(value) is int else value


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return dataclasses.MISSING


def _union_from_plain(options: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in options:
        return None
    kinds: dict[str, Any] = {option.kind: option for option in options if hasattr(option, "kind")}
    if not kinds:
        return from_plain(next(option for option in options if option is not type(None)), value, where)
    if dataclasses.is_dataclass(value) and type(value) in options:
        return value
    words = [word for option in options if get_origin(option) is Literal for word in get_args(option)]
    if words and isinstance(value, str):
        if value in words:
            return value
        value = {"kind": value}  # the word alone stands for the kind with its defaults
    if not isinstance(value, Mapping) or "kind" not in value:
        raise _wrong(where, f"an object with 'kind', one of {', '.join(sorted(kinds))}", value)
    if value["kind"] not in kinds:
        raise ValueError(
            f"{where or 'specification'}: unknown kind {value['kind']!r}. {nearest(str(value['kind']), [*kinds, *words])}"
        )
    return _dataclass_from_plain(kinds[value["kind"]], value, where)


def _dataclass_from_plain(kind: Any, value: Any, where: str) -> Any:
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise _wrong(where, f"an object ({kind.__name__})", value)
    hints = _hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in value:
        if name not in fields:
            raise ValueError(f"{where or kind.__name__}: unknown name {name!r}. {nearest(name, fields)}")
    missing = [name for name, field in fields.items() if name not in value and _default(field) is dataclasses.MISSING]
    if missing:
        raise ValueError(f"{where or kind.__name__}: {', '.join(missing)} missing. Give each of them a value.")
    parts = {name: from_plain(hints[name], item, f"{where}/{name}".lstrip("/")) for name, item in value.items()}
    return kind(**parts)


def _scalar_from_plain(kind: Any, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (int, float, str, bool) and type(value) is not kind:
        raise _wrong(where, {int: "a whole number", float: "a number", str: "text", bool: "true or false"}[kind], value)
    if typing.get_origin(kind) is dict and not isinstance(value, Mapping):
        raise _wrong(where, "an object", value)
    return value


def _wrong(where: str, wanted: str, value: Any) -> ValueError:
    return ValueError(f"{where or 'specification'}: wants {wanted}, got {value!r}.")
