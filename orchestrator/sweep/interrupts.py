"""Ctrl-C and SIGTERM: the first one ends the sweep in order, the second one at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

INTERRUPTED = 130

_SHOW_CURSOR = "\x1b[?25h"


class Interrupts:
    """Handlers for the time of a sweep.

    Ray installs handlers of its own when it starts, so `install` is called again after that. Before there is a driver,
    nothing is under way that could be lost, and the first signal already ends the command.

    Args:
        own_process: whether the second signal ends the process without any clean-up; a notebook's must live on, and
            gets a KeyboardInterrupt.
    """

    def __init__(self, *, own_process: bool = False) -> None:
        self._own_process = own_process
        self._before: dict[int, Any] = {}
        self._on_first: Callable[[], None] | None = None
        self._seen = 0

    @property
    def seen(self) -> bool:
        """Whether a signal has come."""
        return self._seen > 0

    def on_first(self, call: Callable[[], None]) -> None:
        """What the first signal calls from now on, in place of raising KeyboardInterrupt."""
        self._on_first = call

    def install(self) -> None:
        """Put the handlers in place; does nothing outside the main thread, where a notebook may run us."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.signal(number, self._handle)
            self._before.setdefault(number, before)

    def raise_if_seen(self) -> None:
        """Give up a long step in the main thread; the next start does it anew.

        Raises:
            KeyboardInterrupt: a signal has come.
        """
        if self.seen:
            raise KeyboardInterrupt

    def __enter__(self) -> Interrupts:
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._before.clear()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._seen += 1
        if self._seen > 1:
            self._end_at_once()
        if self._on_first is None:
            raise KeyboardInterrupt
        _say("Ending in order, within seconds. Once more to end at once.")
        self._on_first()

    def _end_at_once(self) -> None:
        if not self._own_process:
            raise KeyboardInterrupt
        _say("Ended at once. What was committed is kept: the same command goes on.")
        os._exit(INTERRUPTED)


def _say(text: str) -> None:
    """Write without Python's buffers, which the interrupted code may hold; the progress display had hidden the cursor."""
    cursor = _SHOW_CURSOR if os.isatty(2) else ""
    os.write(2, f"{cursor}\n{text}\n".encode())
