"""A Ray of one's own listens on loopback alone.

Whoever reaches the ports of a Ray without tokens runs code as its user, and by default it listens on every interface.
Ray has a way to stay on loopback, which is the default on systems whose firewalls would ask, and which can be chosen.
"""

from __future__ import annotations

import os
import sys

CHOICE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Set by Ray's users who want other machines to reach a Ray that a command starts by itself; then it is left alone."""


class Loopback:
    """Remembers whether the user has chosen, because the choice of an earlier start of ours stays in the environment."""

    chosen: str | None = None
    ours = False

    @classmethod
    def stay(cls, inside: bool) -> None:
        """Have the next Ray that starts here listen on loopback alone, or be part of a cluster; before Ray is imported if may be."""
        if not cls.ours:
            cls.chosen = os.environ.get(CHOICE)
        if cls.chosen is not None:
            return
        cls.ours = inside
        if inside:
            os.environ[CHOICE] = "0"
        else:
            os.environ.pop(CHOICE, None)
        constants = sys.modules.get("ray._private.ray_constants")
        if constants is not None:  # it was imported before, and has read the environment
            constants.ENABLE_RAY_CLUSTER = not inside  # type: ignore[attr-defined]
