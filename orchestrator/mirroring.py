"""The process that `MirrorProcess` starts: it sends a sweep's runs to the tracking server, then its best network."""

from __future__ import annotations

import functools
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Mapping

from orchestrator.best_model import BestModel
from orchestrator.errors import MachineError
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.tracking.mirror import Mirror
from orchestrator.tracking.mlflow import open_tracker


def main(storage: str, name: str) -> None:
    """Answer every line of stdin with what a sync came to; the end of stdin ends the process."""
    os.nice(10)  # networks and the driver come first
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the driver's; it says when this process ends
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what libraries print is no answer

    def say(answer: Mapping[str, object]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    mirror = Mirror(
        functools.partial(open_tracker, storage, name),
        Store(storage),
        Ledger(storage, name),
        on_sent=lambda sent: say({"done": sent.done, "of": sent.of}),
    )
    best = BestModel(storage, name)

    def sync() -> int:
        written = mirror.sync()
        best.sync()
        return written

    orders: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    while True:
        orders.get()
        say(_answer(sync))


def _listen(orders: queue.Queue[str]) -> None:
    for line in sys.stdin:
        orders.put(line)
    os._exit(0)  # also in the middle of a sync, which the sweep's next start repeats


def _answer(sync: Callable[[], int]) -> dict[str, object]:
    try:
        return {"written": sync()}
    except MachineError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except Exception as error:  # a fault in the mirror must not end a sweep of hours
        message = f"Tracking failed with {type(error).__name__}: {error}. The sweep goes on without it."
        return {"error": "TrackingError", "message": message}


if __name__ == "__main__":
    main(*sys.argv[1:])
