"""`orchestrator explain`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.completing import sweeps_and_files
from orchestrator.cli.options import find_sweep, json_option, print_json, storage_option
from orchestrator.storage.address import Storage

if TYPE_CHECKING:
    from orchestrator.external.explanation import Explained, ExplainedImage, Explanation
    from orchestrator.storage.ledger import Ledger


@click.command("explain")
@click.argument("names", nargs=-1, required=True, shell_complete=sweeps_and_files, metavar="[SWEEP] IMAGE...")
@click.option("--method", default="grad_cam", show_default=True, metavar="NAME", help="How to explain; see the docs.")
@click.option("--class", "of_class", metavar="NAME", help="The class to explain. [default: the most probable one]")
@click.option("--members", is_flag=True, help="Also the map of each member, and what members have in common.")
@click.option(
    "--network",
    "--with",
    "network",
    metavar="NAME|KEY",
    help="A network or ensemble. [default: best network on val; with --members the best ensemble]",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the pictures. [default: in the sweep's folder]")
@click.option("--skip-bad", is_flag=True, help="Leave unreadable images out, instead of an error.")
@storage_option
@click.option("--quiet", is_flag=True, help="No progress display.")
@json_option
def command(
    names: tuple[str, ...],
    method: str,
    of_class: str | None,
    members: bool,
    network: str | None,
    out: Path | None,
    skip_bad: bool,
    storage: Storage,
    quiet: bool,
    as_json: bool,
) -> int:
    """Show what a sweep's best network looks at in images of your own.

    SWEEP is the newest one if it is left out. IMAGE is a PNG, JPEG or DICOM file, or a folder. For each image there is a
    picture of the map beside the probabilities before and after calibration, one of the map at several opacities, and with
    --members one of the members' maps. They are logged as a child run of the sweep, under a hash of the image instead of its
    name; the same call again logs nothing new.

    Exit code 1 if images were skipped.
    """
    from orchestrator.cli.late_progress import LateProgress
    from orchestrator.external.explain import explain
    from orchestrator.sweep.session import bring_up_to_date

    if out is not None and out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: it is a file, and the pictures want a folder. Name another place.")
    ledger, places = _sweep_and_images(storage, names)
    found = explain(
        storage,
        ledger.name,
        places,
        method=method,
        of_class=of_class,
        network=network,
        members=members,
        out=out,
        skip_bad=skip_bad,
        on_progress=LateProgress(quiet=quiet),
    )
    problem = bring_up_to_date(storage, ledger.name)
    if problem:
        click.echo(f"Tracking: {problem}", err=True)
    if as_json:
        print_json(found.to_plain())
    else:
        for image in found.images:
            _tell(image)
    return _close(found)


def _sweep_and_images(storage: Storage, names: Sequence[str]) -> tuple[Ledger, list[Path]]:
    """The first name is a sweep, unless it is no sweep and there is a file or folder of that name.

    Raises:
        ValueError: no sweep, no image, or a first name that is neither.
    """
    from orchestrator.storage.ledger import ledgers

    first, others = names[0], names[1:]
    is_sweep = first in {ledger.name for ledger in ledgers(storage)}
    if is_sweep and not others:
        raise click.UsageError(
            f"explain takes images, and was given the sweep {first!r} alone. Name an image or a folder."
        )
    if is_sweep or (others and not Path(first).exists()):
        return find_sweep(storage, first), [Path(name) for name in others]
    return find_sweep(storage, None), [Path(name) for name in names]


def _tell(image: ExplainedImage) -> None:
    if image.explanation is None:
        click.echo(f"{image.file}\n  left out: {image.problem}")
        return
    found = image.explanation
    click.echo(f"{image.file}\n  predicted: {found.predicted or 'none of the labels'}")
    width = max(map(len, found.calibrated))
    click.echo(f"  {'':{width}}  before  calibrated")
    for name, after in found.calibrated.items():
        mark = "  <- explained" if name == found.explained_class else ""
        click.echo(f"  {name:{width}}  {found.uncalibrated[name]:6.3f}  {after:10.3f}{mark}")
    click.echo(f"  entropy {found.entropy:.3f} nats{_of_members(found)}")
    for path in image.pictures.values():
        click.echo(f"  {path}")


def _of_members(found: Explanation) -> str:
    if found.disagreement is None:
        return ""
    told = f", mutual information {found.mutual_information:.3f}, disagreement {found.disagreement:.2f}"
    correlated = found.map_correlation is not None
    return told + (f", correlation of the members' maps {found.map_correlation:.2f}" if correlated else "")


def _close(found: Explained) -> int:
    """Say on stderr what was done, and return the exit code."""
    from orchestrator.report.text import plural

    good = len(found.images) - len(found.bad)
    click.echo(
        f"{plural(good, 'image')} explained by {found.name} of {found.sweep} with {found.method} (temperature "
        f"{found.temperature:.3f})" + (f", pictures in {found.out}" if good else ""),
        err=True,
    )
    for remark in found.remarks:
        click.echo(f"note: {remark}", err=True)
    if found.bad:
        click.echo(f"note: {plural(len(found.bad), 'image')} could not be read and was left out", err=True)
    return 1 if found.bad else 0
