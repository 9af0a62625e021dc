"""What a person sees while a sweep runs: a live table on a terminal, a line an event elsewhere."""

from __future__ import annotations

import time
from collections import Counter
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
SAID_ROWS = 4
SUMMARY_SECONDS = 60.0
"""Between two lines that say how far all of it is."""

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
        summary_seconds: where there is no table, time between two lines at least that say how far all of it is.
    """

    def __init__(
        self, name: str, *, quiet: bool = False, live: bool = True, summary_seconds: float = SUMMARY_SECONDS
    ) -> None:
        self._name = name
        self._console = Console(stderr=True, quiet=quiet)
        self._started = time.monotonic()
        self._since = time.time()
        self._gpus = GpuWatch()
        self._driver: SweepDriver | None = None
        self._reconciler: Reconciler | None = None
        self._told: dict[str, str] = {}
        self._every = summary_seconds
        self._next_summary = self._started + summary_seconds
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
            self._say(f"{total} images are ready")

    def data_ready(self, text: str) -> None:
        """A data set is in the store."""
        self._say(text)

    def note(self, text: str) -> None:
        """Say what is being done now."""
        self._note = text
        if self._live is None:
            self._say(text)

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
                self._say(f"{row.name} {row.state}{_ending(row, driver)}")
        done = str(len(reconciler.done))
        if reconciler.done and self._told.get("post-hoc") != done and not reconciler.pending:
            self._told["post-hoc"] = done
            self._say(f"{done} post-hoc results are there")
        for key, error in list(reconciler.failed.items()):
            if key not in self._told:
                self._told[key] = error
                self._say(f"{key} failed: {error.splitlines()[0] if error else ''}")
        if time.monotonic() >= self._next_summary:
            self._next_summary = time.monotonic() + self._every
            self._tell_summary(driver, reconciler)

    def _tell_summary(self, driver: SweepDriver, reconciler: Reconciler) -> None:
        """How far all of it is, where that has changed."""
        rows = list(driver.rows.values())
        running = [f"{row.name} {_epoch(row)}" for row in rows if row.state == "running"]
        more = f" and {len(running) - SAID_ROWS} more" if len(running) > SAID_ROWS else ""
        epochs = f", epochs: {', '.join(running[:SAID_ROWS])}{more}" if running else ""
        summary = f"{self._counts(rows)}{epochs}; post-hoc: {_queue(reconciler)}"
        if self._told.get("summary") != summary:
            self._told["summary"] = summary
            self._say(f"{summary}{self._left(rows)}")

    def _say(self, text: str) -> None:
        """A line; in a log it is one line, however long."""
        self._console.print(f"{self._clock()} {text}", highlight=False, soft_wrap=not self._console.is_terminal)

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
        return Text(
            f"{self._name}: {self._counts(rows)}; post-hoc: {_queue(self._reconciler)}; "
            f"{self._clock()}{self._left(rows)}{f'; {self._note}' if self._note else ''}"
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
        return f"{len(states)} of {wanted} trials" + (f" ({told})" if told else "")

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


def _queue(reconciler: Reconciler) -> str:
    """`12 done, 5 queued (4 aopc, 1 evaluation), 1 failed`: what is running or waits, by its kind."""
    kinds = Counter(key.rpartition("-")[0] for key in list(reconciler.pending))
    waiting = ", ".join(
        f"{count} {kind}" for kind, count in sorted(kinds.items(), key=lambda each: (-each[1], each[0]))
    )
    failed = f", {len(reconciler.failed)} failed" if reconciler.failed else ""
    return f"{len(reconciler.done)} done, {kinds.total()} queued{f' ({waiting})' if waiting else ''}{failed}"


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
    at = f" after {len(row.reports)} epoch{'' if len(row.reports) == 1 else 's'}"
    return at if value is None else f"{at}, {driver.first_objective.metric} {value:.4f}"


def _params(row: Row) -> str:
    if row.kind == "member":
        return f"seed {row.spec.get('seed', 0)}"
    return ", ".join(f"{name} {_short(value)}" for name, value in row.params.items())


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
