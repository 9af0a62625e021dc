"""What runs where, what is stored, what is logged.

The functions of `orchestrator.api` are here too, imported when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.api import audit, evaluate, predict, report, results, run, status, sweeps

__all__ = ["audit", "evaluate", "predict", "report", "results", "run", "status", "sweeps"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from orchestrator import api

        return getattr(api, name)
    raise AttributeError(f"module 'orchestrator' has no attribute {name!r}")
