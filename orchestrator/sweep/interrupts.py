"""Ctrl-C and SIGTERM: the first one ends the sweep in order, the second one at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

INTERRUPTED = 130


class Interrupts:
    """Handlers for the time of a sweep.

    Ray installs handlers of its own when it starts, so `install` is called again after that. Tune's loop is ended by
    SIGUSR1, which it always listens to while it runs.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._on_first: Callable[[], None] = lambda: None
        self._seen = 0

    def on_first(self, call: Callable[[], None]) -> None:
        """What the first signal calls."""
        self._on_first = call

    def install(self) -> None:
        """Put the handlers in place; does nothing outside the main thread, where a notebook may run us."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.signal(number, self._handle)
            self._before.setdefault(number, before)
        self._before.setdefault(signal.SIGUSR1, signal.signal(signal.SIGUSR1, signal.SIG_IGN))

    def __enter__(self) -> Interrupts:
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._seen += 1
        if self._seen > 1:
            os.write(2, b"\nEnded at once. What was committed is kept: the same command goes on.\n")
            os._exit(INTERRUPTED)
        os.write(2, b"\nEnding after what is being written. Once more to end at once.\n")
        self._on_first()
        os.kill(os.getpid(), signal.SIGUSR1)
