"""Ensembles of a part of a sweep's trials: those that drew a parameter's value. No torch here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def require_among(among: str, members: str) -> None:
    """Refuse what is no `name=value`, or goes with members that are not trials.

    Raises:
        ValueError: either.
    """
    if not among:
        return
    name, equals, value = among.partition("=")
    if not (name and equals and value):
        raise ValueError(
            f"posthoc/among is {among!r}; it wants a drawn parameter and its value, such as network=p1_small."
        )
    if members == "seeds":
        raise ValueError(
            f"posthoc/among is {among!r}, and members is 'seeds': further seeds are trained of the best configuration only. "
            "Take members 'top', with the seed as a drawn parameter of the space."
        )


def is_among(among: str, params: Mapping[str, Any]) -> bool:
    """Whether a trial with these drawn parameters belongs to the ensemble."""
    name, _, value = among.partition("=")
    return not among or str(params.get(name)) == value


def among_suffix(among: str) -> str:
    """What an ensemble's name says of it: the value."""
    value = among.partition("=")[2]
    return f"_{re.sub(r'[^A-Za-z0-9.-]+', '_', value)}" if value else ""
