"""`orchestrator evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from orchestrator.cli.completing import sweep_names
from orchestrator.cli.options import find_sweep, json_option, on_bad_image_option, print_json, storage_option
from orchestrator.storage.address import Storage

if TYPE_CHECKING:
    from orchestrator.external.evaluation import EvaluatedRow, Evaluation

SHOWN = ("accuracy", "ece", "nll")


@click.command("evaluate")
@click.argument("sweep", required=False, shell_complete=sweep_names)
@click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="Folder in the layout of the sweep's data."
)
@click.option("--patients", type=click.Path(path_type=Path), help="CSV with the columns path, patient.")
@on_bad_image_option
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="FOLDER=CLASS",
    help="Count a class folder as a class of the sweep. Repeatable.",
)
@click.option("--all", "every_trial", is_flag=True, help="Every completed trial, not the best and the ensembles' only.")
@click.option("--ood", is_flag=True, help="The images are foreign: how well does doubt find them? No labels needed.")
@storage_option
@click.option("--quiet", is_flag=True, help="No progress display.")
@json_option
def command(
    sweep: str | None,
    data: Path,
    patients: Path | None,
    on_bad_image: Literal["error", "skip"],
    maps: Sequence[str],
    every_trial: bool,
    ood: bool,
    storage: Storage,
    quiet: bool,
    as_json: bool,
) -> None:
    """Evaluate a sweep's networks and ensembles on another data folder (external validation).

    SWEEP is the newest one if it is left out. Networks are chosen on the sweep's val split and calibrated on its calib
    split; the folder is only judged on. What was computed before is read.

    With --ood the folder holds images of another kind, in any layout: they are to be found among the sweep's test images.
    """
    if ood:
        from orchestrator.cli import foreign

        if patients or maps:
            raise ValueError("--ood reads no labels and no patients: leave out --map and --patients.")
        ledger = find_sweep(storage, sweep)
        common: dict[str, bool] = {"every_trial": every_trial, "quiet": quiet, "as_json": as_json}
        foreign.run(storage, ledger.name, data, on_bad_image=on_bad_image, **common)
        return
    from orchestrator.cli.late_progress import LateProgress
    from orchestrator.external.evaluate import evaluate
    from orchestrator.sweep.session import bring_up_to_date

    ledger = find_sweep(storage, sweep)
    found = evaluate(
        storage,
        ledger.name,
        data,
        patients=patients,
        on_bad_image=on_bad_image,
        classes=parse_maps(maps),
        every_trial=every_trial,
        on_progress=LateProgress(quiet=quiet),
    )
    problem = bring_up_to_date(storage, ledger.name)
    if problem:
        click.echo(f"Tracking: {problem}", err=True)
    if as_json:
        print_json(found.to_plain())
    else:
        _tell(found)


def parse_maps(maps: Sequence[str]) -> dict[str, str]:
    """Class by class folder from `FOLDER=CLASS`.

    Raises:
        ValueError: a text without `=`, or two classes for one folder.
    """
    classes: dict[str, str] = {}
    for text in maps:
        folder, equals, name = text.partition("=")
        if not (equals and folder and name):
            raise ValueError(f"--map {text!r} wants FOLDER=CLASS, such as --map Healthy=Normal.")
        if classes.setdefault(folder, name) != name:
            raise ValueError(
                f"--map {text!r}: the folder {folder!r} is mapped to {classes[folder]!r} already, and it is one class. "
                "Leave one of the two out."
            )
    return classes


def _tell(found: Evaluation) -> None:
    from rich.console import Console
    from rich.table import Table

    data = found.data
    patients = f", {data.patients} patients" if data.patients else ""
    counts = ", ".join(f"{name} {count}" for name, count in data.classes.items())
    table = Table(title=f"{found.sweep} on {data.folder}: {data.images} images{patients} ({counts})")
    table.add_column("chosen on val")
    for metric in SHOWN:
        table.add_column(metric, justify="right")
    table.add_column("T", justify="right")
    for row in found.rows:
        name = f"{row.name} (best)" if row.key == found.best else row.name
        table.add_row(name, *(_change(row, metric) for metric in SHOWN), f"{row.temperature:z.3f}")
    Console(width=None).print(table)
    click.echo("before -> after temperature scaling, fitted on the sweep's own calib split. All metrics: --json")
    for remark in found.remarks:
        click.echo(f"note: {remark}", err=True)


def _change(row: EvaluatedRow, metric: str) -> str:
    before, after = (row.metrics[f"{stage}/{metric}"] for stage in ("uncalibrated", "temperature"))
    if before is None or after is None:
        return "-"
    return f"{before:z.3f}" if before == after else f"{before:z.3f} -> {after:z.3f}"
