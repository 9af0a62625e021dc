"""What a person sees while a sweep runs: a live table on a terminal, a line an event elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, TypeAlias

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from orchestrator.counts import generations_of, trial_counts
from orchestrator.gpu_use import GpuWatch, gpu_text
from orchestrator.pace import duration_text, planned_epochs, seconds_left
from orchestrator.progress_json import ProgressJson

if TYPE_CHECKING:
    from orchestrator.storage.ledger import Row
    from orchestrator.sweep.driver import SweepDriver
    from orchestrator.sweep.reconcile import Reconciler

COLOURS = {"running": "cyan", "completed": "green", "stopped": "yellow", "failed": "red"}
SHOWN_ROWS = 24

ProgressForm: TypeAlias = Literal["auto", "lines", "json"]
"""A live table on a terminal and lines elsewhere; always lines; or JSON, an object a line."""


def open_progress(name: str, *, form: ProgressForm = "auto", quiet: bool = False) -> Progress | ProgressJson:
    """The display that a user asked for; quiet wins."""
    if form == "json" and not quiet:
        return ProgressJson(name)
    return Progress(name, quiet=quiet, live=form == "auto")


class Progress:
    """Shows a sweep on stderr.

    Args:
        name: name of the sweep.
        quiet: show nothing.
        live: show a live table where stderr is a terminal.
    """

    def __init__(self, name: str, *, quiet: bool = False, live: bool = True) -> None:
        self._name = name
        self._console = Console(stderr=True, quiet=quiet)
        self._started = time.monotonic()
        self._since = time.time()
        self._gpus = GpuWatch()
        self._driver: SweepDriver | None = None
        self._reconciler: Reconciler | None = None
        self._told: dict[str, str] = {}
        self._decoded = (0, 0)
        self._note = ""
        self._live: Live | None = None
        if self._console.is_terminal and live and not quiet:
            self._live = Live(console=self._console, refresh_per_second=2, get_renderable=self._picture, transient=True)

    def __enter__(self) -> Progress:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def decoding(self, done: int, total: int) -> None:
        """Images are being decoded."""
        self._decoded = (done, total)
        if self._live is None and done == total:
            self._console.print(f"{self._clock()} {total} images are ready")

    def data_ready(self, text: str) -> None:
        """A data set is in the store."""
        self._console.print(f"{self._clock()} {text}", highlight=False)

    def note(self, text: str) -> None:
        """Say what is being done now."""
        self._note = text
        if self._live is None:
            self._console.print(f"{self._clock()} {text}", highlight=False)

    def changed(self, driver: SweepDriver, reconciler: Reconciler) -> None:
        """A row or a task has changed."""
        self._driver, self._reconciler = driver, reconciler
        if self._live is None:
            self._tell_lines(driver, reconciler)

    def _tell_lines(self, driver: SweepDriver, reconciler: Reconciler) -> None:
        for row in list(driver.rows.values()):
            if self._told.get(row.name) != row.state:
                before, self._told[row.name] = self._told.get(row.name), row.state
                if before is None and row.state != "running" and not self._reported_now(row):
                    continue  # it had ended before this start
                self._console.print(f"{self._clock()} {row.name} {row.state}{_ending(row, driver)}", highlight=False)
        done = str(len(reconciler.done))
        if reconciler.done and self._told.get("post-hoc") != done and not reconciler.pending:
            self._told["post-hoc"] = done
            self._console.print(f"{self._clock()} {done} post-hoc results are there", highlight=False)

    def _reported_now(self, row: Row) -> bool:
        return row.ended > 0 and time.time() - row.ended < 5

    def _picture(self) -> RenderableType:
        if self._driver is None or self._reconciler is None:
            done, total = self._decoded
            what = f"decoding images: {done} of {total}" if total else "starting"
            return Text(f"{self._name}: {what} ({self._clock()})")
        rows = list(self._driver.rows.values())
        return Group(self._headline(rows), self._table(rows))

    def _headline(self, rows: list[Row]) -> Text:
        assert self._driver is not None
        assert self._reconciler is not None
        queue = self._reconciler
        failed = f", {len(queue.failed)} failed" if queue.failed else ""
        return Text(
            f"{self._name}: {self._counts(rows)}; post-hoc: {len(queue.done)} done, "
            f"{len(queue.pending)} queued{failed}; {self._clock()}{self._left(rows)}{f'; {self._note}' if self._note else ''}"
        )

    def _counts(self, rows: list[Row]) -> str:
        """How many trials there are, or how far the population is."""
        assert self._driver is not None
        interval, wanted = self._driver.interval, self._driver.sweep.trials
        states = [row.state for row in rows if row.kind == "trial"]
        counts = trial_counts(states, wanted=wanted, population=interval > 0)
        told = ", ".join(f"{counts[state]} {state}" for state in COLOURS if counts[state])
        if generations := generations_of(rows, interval=interval, wanted=wanted):
            return f"{sum(counts.values())} of {wanted} members ({told}), {generations.told()}"
        return f"{len(states)} of {wanted} trials ({told})"

    def _left(self, rows: list[Row]) -> str:
        """What is left, and how busy the GPUs are, as far as it can be said."""
        assert self._driver is not None
        sweep = self._driver.sweep
        left = seconds_left(rows, trials=sweep.trials, members=sweep.member_seeds, since=self._since, now=time.time())
        training = "" if left is None else f", about {duration_text(left)} of training left"
        gpus = gpu_text(self._gpus())
        return f"{training}; {gpus}" if gpus else training

    def _table(self, rows: list[Row]) -> Table:
        assert self._driver is not None
        objective = self._driver.first_objective
        table = Table(box=None, padding=(0, 1))
        for heading in ("trial", "state", "epoch", objective.metric, "parameters"):
            table.add_column(heading, no_wrap=True, overflow="ellipsis")
        for row in rows[-SHOWN_ROWS:]:
            best = row.best
            value = best.metrics.get(objective.metric) if best else None
            table.add_row(
                row.name,
                Text(row.state, style=COLOURS[row.state]),
                _epoch(row),
                "" if value is None else f"{value:.4f}",
                _params(row),
            )
        return table

    def _clock(self) -> str:
        seconds = int(time.monotonic() - self._started)
        return f"{seconds // 60}:{seconds % 60:02d}"


def _epoch(row: Row) -> str:
    if row.first_key and not row.reports and row.state == "running":
        return "first stage"
    return f"{row.reports[-1].epoch if row.reports else 0}/{planned_epochs(row)}"


def _ending(row: Row, driver: SweepDriver) -> str:
    if row.state == "running":
        params = _params(row)
        return f" ({params})" if params else ""
    if row.state == "failed":
        return f": {row.reason.splitlines()[0] if row.reason else ''}"
    best = row.best
    value = best.metrics.get(driver.first_objective.metric) if best else None
    at = f" after {len(row.reports)} epochs"
    return at if value is None else f"{at}, {driver.first_objective.metric} {value:.4f}"


def _params(row: Row) -> str:
    if row.kind == "member":
        return f"seed {row.spec.get('seed', 0)}"
    return ", ".join(f"{name} {_short(value)}" for name, value in row.params.items())


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
