"""Ranges that fields of a specification must lie in."""

from __future__ import annotations


def rate(name: str, value: float) -> None:
    """Refuse what is no share of a whole that leaves something over.

    Raises:
        ValueError: `value` lies outside [0, 1).
    """
    if not 0 <= value < 1:
        raise ValueError(f"{name} is {value}; it lies in [0, 1).")


def not_negative(name: str, value: float) -> None:
    """Refuse a negative number, and what is no number.

    Raises:
        ValueError: `value` is below 0 or not a number.
    """
    if not value >= 0:
        raise ValueError(f"{name} is {value}; it cannot be negative.")
