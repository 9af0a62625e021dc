"""What a cell of a table says: a label, a class, an identifier, a split."""

from __future__ import annotations

import re
from functools import lru_cache

from trainables.data.listing import BLANK, UNCERTAIN

SPLIT_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test", "calib": "calib"}
"""Official split by what a cell or a folder calls it, in lower case."""

_WORDS = {"": BLANK, "nan": BLANK, "true": 1, "false": 0}
_NUMBERS = {1.0: 1, 0.0: 0, -1.0: UNCERTAIN}
_WHOLE = re.compile(r"[+-]?\d+\.0+")


@lru_cache(1000)
def label_of(text: str) -> int | None:
    """1, 0, `UNCERTAIN` or `BLANK`; None where the cell is none of them."""
    word = text.strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    try:
        return _NUMBERS.get(float(word))
    except ValueError:
        return None


def name_of(text: str) -> str | None:
    """A class or identifier, None where there is none; `7.0` is 7, as a program writes it that knows empty cells."""
    text = text.strip()
    if text.lower() in ("", "nan"):
        return None
    return text.split(".")[0] if _WHOLE.fullmatch(text) else text


def natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """A key that sorts names as people do: 2 before 10, and `grade 2` before `grade 10`."""
    parts = [part.lstrip("0") if n % 2 else part for n, part in enumerate(re.split(r"(\d+)", name))]
    # numbers by their length and digits: one of thousands of digits is no integer to Python
    return [(0, len(part), part) if n % 2 else (1, 0, part) for n, part in enumerate(parts) if n % 2 or part], name
