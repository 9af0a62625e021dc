"""The same as the command line, from Python and notebooks: typed results and DataFrames."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.cli.options import find_sweep
from orchestrator.storage.address import Storage
from orchestrator.storage.ledger import ledgers
from orchestrator.storage.store import Store
from orchestrator.sweep.launch import Ended

if TYPE_CHECKING:
    import pandas

    from orchestrator.audit import Audit
    from orchestrator.external.evaluation import Evaluation
    from orchestrator.external.explanation import Explained
    from trainables.data.check import Check

STORAGE: Storage = os.environ.get("ORCHESTRATOR_STORAGE", "runs")


def run(
    space: str,
    *,
    storage: Storage = STORAGE,
    name: str | None = None,
    data: Path | str | None = None,
    patients: Path | str | None = None,
    on_bad_image: Literal["error", "skip"] = "error",
    trials: int | None = None,
    settings: Mapping[str, Any] | None = None,
    metrics: tuple[str, ...] = (),
    seed: int | None = None,
    concurrent: int | None = None,
    tasks: Sequence[str] = (),
    scale: Literal["paper", "small"] = "paper",
    register: bool = True,
    address: str | None = None,
    inline: bool = False,
    quiet: bool = True,
) -> Ended:
    """Run a sweep, or go on with it: `orchestrator sweep`.

    Args:
        space: name of a space, or path of a file of your own.
        storage: folder or bucket of sweeps and artifacts.
        name: of the sweep; that of the space if left out.
        data: the data folder.
        patients: CSV that names the patient of each image.
        on_bad_image: whether bad images are an error, or are left out and listed.
        trials: how many draws.
        settings: what `--set` takes, such as `{"schedule/epochs": 3}`.
        metrics: objectives, `name` or `name:min`.
        seed: of the draws.
        concurrent: trials at once.
        tasks: further post-hoc tasks, as `--tasks` takes them.
        scale: of a paper's sweep, its own sizes or small ones.
        register: whether the best network is in MLflow's model registry at the end.
        address: of a running Ray cluster.
        inline: run in this process, without Ray.
        quiet: show no progress.

    Raises:
        ValueError: a mistake in the call; nothing was changed.
        MachineError: storage, cluster or another driver is in the way.
    """
    from orchestrator.sweep.request import build_launch
    from orchestrator.sweep.session import run_with_everything

    launch = build_launch(
        space,
        storage=storage,
        name=name,
        data=Path(data) if data else None,
        patients=Path(patients) if patients else None,
        on_bad_image=on_bad_image,
        trials=trials,
        settings=[f"{key}={value}" for key, value in (settings or {}).items()],
        metrics=metrics,
        seed=seed,
        concurrent=concurrent,
        tasks=tasks,
        scale=scale,
        register=register,
    )
    return run_with_everything(launch, address=address, inline=inline, quiet=quiet).ended


def extend(
    sweep: str | None = None,
    *,
    storage: Path | str = STORAGE,
    trials: int | None = None,
    settings: Mapping[str, Any] | None = None,
    widen: Mapping[str, tuple[float, float]] | None = None,
    tasks: Sequence[str] = (),
    cpus_per_trial: int | None = None,
    gpus_per_trial: float | None = None,
    concurrent: int | None = None,
    address: str | None = None,
    inline: bool = False,
    quiet: bool = True,
) -> Ended:
    """Go on with a stored sweep, with more of what it had: `orchestrator extend`.

    Args:
        sweep: its name; the newest if left out.
        storage: folder of sweeps and artifacts.
        trials: how many draws in all.
        settings: what `--set` takes, of resources and `member_seeds`.
        widen: ends of wider ranges, such as `{"learning_rate": (1e-5, 1e-1)}`.
        tasks: further post-hoc tasks.
        cpus_per_trial: CPUs of a trial from now on.
        gpus_per_trial: GPUs of a trial from now on.
        concurrent: trials at once.
        address: of a running Ray cluster.
        inline: run in this process, without Ray.
        quiet: show no progress.

    Raises:
        ValueError: it would be another sweep; nothing was changed.
        MachineError: storage, cluster or another driver is in the way.
    """
    from orchestrator.sweep.extend import extend_launch
    from orchestrator.sweep.session import run_with_everything

    launch = extend_launch(
        find_sweep(Path(storage), sweep),
        trials=trials,
        settings=[f"{key}={value}" for key, value in (settings or {}).items()],
        widen=[f"{name}={low!r}..{high!r}" for name, (low, high) in (widen or {}).items()],
        tasks=tasks,
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
        concurrent=concurrent,
    )
    return run_with_everything(launch, address=address, inline=inline, quiet=quiet).ended


def posthoc(
    sweep: str | None = None,
    *,
    storage: Storage = STORAGE,
    tasks: Sequence[str] = (),
    address: str | None = None,
    inline: bool = False,
    quiet: bool = True,
) -> Ended:
    """Compute what is missing of a sweep's post-hoc results, and start no trial: `orchestrator posthoc`.

    Args:
        sweep: its name; the newest if left out.
        storage: folder or bucket of sweeps and artifacts.
        tasks: further tasks, such as `laplace_full` or `laplace:samples=50`, that the sweep has from then on.
        address: of a running Ray cluster.
        inline: run in this process, without Ray.
        quiet: show no progress.

    Raises:
        ValueError: a mistake in the call; nothing was changed.
        MachineError: storage, cluster or another driver is in the way.
    """
    from orchestrator.sweep.request import relaunch
    from orchestrator.sweep.session import run_with_everything

    launch = relaunch(find_sweep(storage, sweep), tasks=tasks)
    return run_with_everything(launch, address=address, inline=inline, quiet=quiet, posthoc_only=True).ended


def sweeps(storage: Storage = STORAGE) -> list[str]:
    """Names of the sweeps in a storage folder, the newest first."""
    return [ledger.name for ledger in ledgers(storage)]


def status(sweep: str | None = None, *, storage: Storage = STORAGE) -> dict[str, Any]:
    """How far a sweep is, as `orchestrator status --json` says it."""
    from orchestrator.status import sweep_status

    return sweep_status(find_sweep(storage, sweep))


def results(sweep: str | None = None, *, storage: Storage = STORAGE) -> pandas.DataFrame:
    """Results of a sweep: a row a trial, member and ensemble; parameters and metrics as columns."""
    from orchestrator.report.tables import results_frame
    from orchestrator.results import result_rows

    return results_frame(result_rows(Store(storage), find_sweep(storage, sweep)))


def report(sweep: str | None = None, *, storage: Storage = STORAGE, path: Path | str | None = None) -> Path:
    """Write the report of a sweep and return its path."""
    from orchestrator.report.write import write_report

    ledger = find_sweep(storage, sweep)
    return write_report(Store(storage), ledger, Path(path) if path else ledger.folder / "report.html")


def export_study(sweep: str | None, path: Path | str, *, storage: Path | str = STORAGE) -> int:
    """Write the search as an Optuna study into a new file (.db or .log), and say how many trials it holds."""
    from orchestrator.study_file import write_study

    return write_study(find_sweep(Path(storage), sweep), Path(path))


def evaluate(
    sweep: str | None,
    data: Path | str,
    *,
    storage: Storage = STORAGE,
    patients: Path | str | None = None,
    classes: Mapping[str, str] | None = None,
) -> Evaluation:
    """Evaluate a sweep's best network and ensembles on another folder of the same layout."""
    from orchestrator.external.evaluate import evaluate as evaluate_on

    name = find_sweep(storage, sweep).name
    return evaluate_on(
        storage, name, Path(data), patients=Path(patients) if patients else None, classes=dict(classes or {})
    )


def predict(
    sweep: str | None, place: Path | str, *, storage: Storage = STORAGE, network: str | None = None
) -> pandas.DataFrame:
    """Calibrated probabilities and uncertainty for a folder of images, or one image."""
    from orchestrator.external.predict import predict as predict_on

    return predict_on(storage, find_sweep(storage, sweep).name, Path(place), network=network)


def explain(
    sweep: str | None,
    images: Path | str | Sequence[Path | str],
    *,
    storage: Storage = STORAGE,
    method: str = "grad_cam",
    of_class: str | None = None,
    network: str | None = None,
    members: bool = False,
    out: Path | str | None = None,
) -> Explained:
    """What the sweep's best network looks at in images of your own, as pictures and numbers: `orchestrator explain`.

    Args:
        sweep: its name; the newest if None.
        images: an image, a folder, or several of them.
        storage: folder or bucket of sweeps and artifacts.
        method: one of `trainables.explain.METHODS`.
        of_class: the class to explain; the most probable one of each image if left out.
        network: name or key of a network or ensemble.
        members: also draw each member's map, and what members have in common; of the best ensemble if no network is named.
        out: folder of the pictures; `explained` in the sweep's own folder if left out.

    Raises:
        ValueError: a mistake in the call, or an image that cannot be read.
        MachineError: storage is in the way. A tracking server that is away is none: the next start of the sweep sends the run.
    """
    from orchestrator.external.explain import explain as explain_images
    from orchestrator.sweep.session import bring_up_to_date

    name = find_sweep(storage, sweep).name
    places = [images] if isinstance(images, str | Path) else list(images)
    found = explain_images(
        storage, name, places, method=method, of_class=of_class, network=network, members=members, out=out
    )
    bring_up_to_date(storage, name)
    return found


def audit(sweep: str | None = None, *, storage: Storage = STORAGE) -> Audit:
    """Check that ledger, store and MLflow tell the same story. Of a bucket without runs on this machine, the first two."""
    from orchestrator.audit import audit as audit_of
    from orchestrator.tracking.mlflow import open_tracker, runs_elsewhere

    ledger = find_sweep(storage, sweep)
    tracker = None if runs_elsewhere(storage) else open_tracker(storage, ledger.name)
    return audit_of(Store(storage), ledger, tracker)


def check_data(
    folder: Path | str, *, layout: str | None = None, patients: Path | str | None = None, near_duplicates: bool = False
) -> Check:
    """Read every file of a data set and say what it holds and what is wrong: `orchestrator data check`."""
    from trainables.data.check import check

    return check(
        Path(folder), layout=layout, patients=Path(patients) if patients else None, near_duplicates=near_duplicates
    )
