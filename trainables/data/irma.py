"""IRMA codes: four axes of a radiograph, each a hierarchy that is read from left to right.

    1121-120-200-700
    T    D   A   B      technique, direction, anatomy, biological system

A `*` stands for "not said further"; it is a character like any other here, so that such codes are classes of their own.
"""

from __future__ import annotations

import re

AXES = "TDAB"
_CODE = re.compile(r"([0-9a-z*]{4})-([0-9a-z*]{3})-([0-9a-z*]{3})-([0-9a-z*]{3})", re.IGNORECASE)


def class_of(code: str, axes: str = AXES, depth: int | None = None) -> str:
    """The part of a code that makes the class.

    Args:
        code: an IRMA code, or anything else, which is taken whole.
        axes: axes that count, in the order in which they are joined.
        depth: characters kept of each axis, or None for all of them.
    """
    found = _CODE.fullmatch(code)
    if found is None:
        return code
    of_axis = dict(zip(AXES, found.groups(), strict=True))
    return "-".join(of_axis[axis][:depth] for axis in axes)
