"""Bounds of single numbers of a specification."""

from __future__ import annotations


def require_rate(name: str, value: float) -> None:
    """Refuse what lies outside [0, 1)."""
    if not 0 <= value < 1:
        raise ValueError(f"{name} is {value}; it lies in [0, 1).")


def require_not_negative(name: str, value: float) -> None:
    """Refuse what lies below 0, and what is no number."""
    if not value >= 0:
        raise ValueError(f"{name} is {value}; it cannot be negative.")
