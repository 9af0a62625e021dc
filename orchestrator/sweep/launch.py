"""Start a sweep, or go on with it: every start does the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from orchestrator.executors.protocol import Executor
from orchestrator.storage.address import Storage
from orchestrator.storage.ledger import Ledger, SweepState
from orchestrator.storage.store import Store
from orchestrator.sweep.definition import define, require_same, settle
from orchestrator.sweep.driver import SweepDriver
from orchestrator.sweep.extensions import AsItWas, extended, keep_widened
from orchestrator.sweep.interrupts import Interrupts
from orchestrator.sweep.labels import without_class_tasks
from orchestrator.sweep.preparation import Preparation
from orchestrator.sweep.reconcile import Reconciler
from orchestrator.sweep.records import Recorded, past_trials
from search_spaces.objective import require_measured
from search_spaces.overrides import Overrides, probe
from search_spaces.population import require_population
from search_spaces.scale import Difference
from search_spaces.schedulers import Pbt
from search_spaces.study import PastTrial, Study
from search_spaces.sweep import Sweep
from trainables.data.prepare import DataSource
from trainables.spec import TrialSpec
from trainables.spec.parallel import require_parallel


class Observer(Protocol):
    """Somebody who watches a sweep: a progress display, the tracking mirror."""

    def changed(self, driver: SweepDriver, reconciler: Reconciler) -> None:
        """A row or a task has changed."""
        ...

    def decoding(self, done: int, total: int) -> None:
        """Images are being decoded."""
        ...

    def data_ready(self, text: str) -> None:
        """A data set is in the store; the text says what it holds."""
        ...


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Everything a start needs.

    Attributes:
        sweep: the experiment, with the user's options in it.
        overrides: values fixed by the user.
        name: name of the sweep in the storage.
        storage: the storage folder, or a bucket's address.
        source: where the data files lie.
        concurrent: trials at once, or None for as many as fit.
        stopped_too: also run post-hoc tasks on trials that the scheduler stopped.
        retry_failed: go on with trials that failed in an earlier start.
        request: what the user asked for, so that later commands need the sweep's name only.
        differences: of a paper's sweep, what it has otherwise than the paper.
        widen: take ranges of the space that contain those of earlier starts.
    """

    sweep: Sweep
    overrides: Overrides
    name: str
    storage: Storage
    source: DataSource = field(default_factory=DataSource)
    concurrent: int | None = None
    stopped_too: bool = False
    retry_failed: bool = False
    request: Mapping[str, Any] = field(default_factory=dict)
    differences: Sequence[Difference] = ()
    widen: bool = False

    def study(self, past: Sequence[PastTrial] = ()) -> Study:
        """What draws the trials, with the draws of earlier starts in it.

        Raises:
            SpaceChanged: the space gives other trials than it gave then.
        """
        sweep = self.sweep
        return Study(
            sweep.space,
            sweep.objectives,
            searcher=sweep.searcher,
            seed=sweep.seed,
            overrides=self.overrides,
            past=past,
            widen=self.widen,
        )


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a start ended.

    Attributes:
        finished: False if it was interrupted; the same start then goes on.
        failed_trials: names of the trials that failed.
        failed_tasks: keys of post-hoc tasks that failed, with the error.
        left: trials and members that are still to run.
    """

    finished: bool
    failed_trials: Sequence[str]
    failed_tasks: dict[str, str]
    left: int


def run_sweep(
    launch: Launch,
    executor: Executor,
    observers: Sequence[Observer] = (),
    *,
    posthoc_only: bool = False,
    interrupts: Interrupts | None = None,
) -> Ended:
    """Run a sweep to its end, from wherever it is.

    Args:
        launch: what to run.
        executor: where.
        observers: told of every change.
        posthoc_only: compute missing post-hoc results and start no trial.
        interrupts: handlers that are in place already; by default they are there while the sweep runs.

    Raises:
        ValueError: the user's mistake; nothing was changed.
        SweepLocked: another driver runs the sweep.
    """
    store, ledger = Store(launch.storage), Ledger(launch.storage, launch.name)
    with ledger.lock, nullcontext(interrupts) if interrupts else Interrupts() as signals:
        launch = with_earlier_extensions(launch, ledger)
        preparation = Preparation(store, launch.source, _tell_decoding(observers, signals), _tell_ready(observers))
        specs = sample_specs(launch)
        for spec in specs:
            preparation.require_lung_masks(spec)
            require_parallel(spec, launch.sweep.resources.workers)
            if isinstance(launch.sweep.scheduler, Pbt):
                require_population(spec, launch.sweep.scheduler)
        prints = sorted({each for spec in specs for each in preparation.fingerprints(spec.data)})
        launch = _for_its_data(launch, {preparation.multilabel(spec.data) for spec in specs}, observers)
        wanted = define(
            launch.sweep,
            launch.overrides,
            name=launch.name,
            data=str(launch.source.root or ""),
            fingerprints=prints,
            request=launch.request,
            differences=launch.differences,
        )
        require_same(ledger, wanted)
        past = past_trials(ledger.rows(), launch.sweep.objectives)
        study = launch.study(past)  # refuses a space that has changed since
        is_new, as_it_was = not ledger.exists(), AsItWas(ledger)
        keep_widened(ledger, study)
        settle(ledger, wanted)
        try:
            if not past and not posthoc_only:
                spec = study.draw().spec
                preparation.data(spec.data, spec.split)
        except KeyboardInterrupt:
            if not signals.seen:
                raise
            ledger.write_outcome("interrupted", "while images were decoded")
            return Ended(finished=False, failed_trials=[], failed_tasks={}, left=launch.sweep.trials)
        except Exception:
            if is_new:
                ledger.forget()  # data that cannot be used leave no sweep behind
            raise
        with as_it_was:
            return _run(launch, executor, observers, store, ledger, preparation, signals, posthoc_only, as_it_was)


def with_earlier_extensions(launch: Launch, ledger: Ledger) -> Launch:
    """The launch with the tasks and wider ranges that earlier starts added: they belong to the sweep from then on."""
    sweep, overrides, request = extended(launch.sweep, launch.overrides, launch.request, ledger)
    return replace(launch, sweep=sweep, overrides=overrides, request=request)


def sample_specs(launch: Launch) -> list[TrialSpec]:
    """Some draws of the space with the user's values in them; a broken space shows here."""
    return probe(launch.sweep.space, launch.overrides)[1]


def _run(
    launch: Launch,
    executor: Executor,
    observers: Sequence[Observer],
    store: Store,
    ledger: Ledger,
    preparation: Preparation,
    interrupts: Interrupts,
    posthoc_only: bool,
    as_it_was: AsItWas,
) -> Ended:
    sweep = launch.sweep
    reconciler = Reconciler(
        store,
        ledger,
        executor,
        tasks=sweep.posthoc,
        objective=sweep.objectives[0],
        stopped_too=launch.stopped_too,
    )
    driver: SweepDriver

    def tell() -> None:
        for observer in observers:
            observer.changed(driver, reconciler)

    driver = SweepDriver(
        sweep,
        launch.overrides,
        ledger=ledger,
        store=store,
        preparation=preparation,
        reconciler=reconciler,
        on_change=tell,
        retry_failed=launch.retry_failed,
    )
    with Recorded(ledger):
        if driver.needs_executor(posthoc_only):
            if not posthoc_only:
                ledger.write_outcome("running")
            tell()
            executor.start(concurrent=launch.concurrent, resources=sweep.resources)
            interrupts.install()
        as_it_was.runs()
        interrupts.raise_if_seen()
        interrupts.on_first(driver.interrupt)
        finished = _until_interrupted(driver, executor, posthoc_only)
    ended = Ended(
        finished=finished,
        failed_trials=[row.name for row in driver.rows.values() if row.state == "failed"],
        failed_tasks=dict(reconciler.failed),
        left=driver.left(),
    )
    if _settled(ledger, ended, posthoc_only):
        tell()
    return ended


def _until_interrupted(driver: SweepDriver, executor: Executor, posthoc_only: bool) -> bool:
    try:
        return driver.run_posthoc() if posthoc_only else driver.run(executor)
    except KeyboardInterrupt:
        if not driver.interrupted():
            raise
        return False


def _settled(ledger: Ledger, ended: Ended, posthoc_only: bool) -> bool:
    """Record how the driver ended, and say whether that is news."""
    state: SweepState = "finished" if ended.finished else "interrupted"
    if posthoc_only:
        return True
    if ledger.outcome().get("state") == state == "finished":
        return False
    ledger.write_outcome(state, f"{ended.left} trials left" if ended.left else "")
    return True


def _for_its_data(launch: Launch, multilabel: set[bool], observers: Sequence[Observer]) -> Launch:
    """Refuse objectives that the data's kind of labels does not have, and leave out tasks that it does not allow."""
    for kind in multilabel:
        for objective in launch.sweep.objectives:
            require_measured(objective.metric, multilabel=kind)
    if True not in multilabel:
        return launch
    sweep, said = without_class_tasks(launch.sweep)
    if said:
        _tell_ready(observers)(said)
    return replace(launch, sweep=sweep)


def _tell_decoding(observers: Sequence[Observer], interrupts: Interrupts) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        interrupts.raise_if_seen()
        for observer in observers:
            observer.decoding(done, total)

    return tell


def _tell_ready(observers: Sequence[Observer]) -> Callable[[str], None]:
    def tell(text: str) -> None:
        for observer in observers:
            observer.data_ready(text)

    return tell
