"""Checks that are run one after another; one that breaks does not silence the others."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

from orchestrator.doctor.findings import Checked, Finding, Node


def run_checks(checks: Mapping[str, Callable[[], Checked]]) -> Node:
    """What the checks find on this machine.

    Args:
        checks: by the kind of finding that each gives when it breaks.
    """
    return Node(node=socket.gethostname(), checked=tuple(_guarded(kind, check) for kind, check in checks.items()))


def _guarded(kind: str, check: Callable[[], Checked]) -> Checked:
    try:
        return check()
    except Exception as error:  # a sick machine breaks checks in ways of its own; the other checks must still speak
        message = f"The check itself failed with {type(error).__name__}: {error}"
        remedy = "Mend what the message names; if it names nothing, report it as a fault of the program."
        return Checked(findings=(Finding(kind=kind, message=message, remedy=remedy),))
