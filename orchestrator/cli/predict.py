"""`orchestrator predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.completing import sweeps_and_files
from orchestrator.cli.options import find_sweep, json_option, print_json, storage_option

if TYPE_CHECKING:
    import pandas as pd


@click.command("predict")
@click.argument("names", nargs=-1, required=True, shell_complete=sweeps_and_files, metavar="[SWEEP] FOLDER")
@click.option("--out", type=click.Path(path_type=Path), help="CSV file to write. [default: stdout]")
@click.option("--force", is_flag=True, help="Overwrite --out.")
@click.option("--with", "network", metavar="NAME|KEY", help="A network or ensemble. [default: best network on val]")
@click.option("--skip-bad", is_flag=True, help="Give unreadable images a row with a problem instead of an error.")
@storage_option
@click.option("--quiet", is_flag=True, help="No progress display.")
@json_option
def command(names: tuple[str, ...], **options: Any) -> int:
    """Predict images with a sweep's best network, calibrated, with uncertainty.

    SWEEP is the newest one if it is left out. FOLDER is searched to any depth; it may also be a single image. No labels are
    needed. An ensemble is taken by its name: --with ensemble_seeds_4.

    Exit code 1 if images were skipped.
    """
    from orchestrator.cli.late_progress import LateProgress
    from orchestrator.external.predict import predict

    if len(names) > 2:
        raise click.UsageError(f"predict takes a sweep and one folder, and was given {', '.join(map(repr, names))}.")
    out: Path | None = options["out"]
    _require_free(out, options["force"])
    ledger = find_sweep(options["storage"], names[0] if len(names) == 2 else None)
    frame = predict(
        options["storage"],
        ledger.name,
        Path(names[-1]),
        network=options["network"],
        skip_bad=options["skip_bad"],
        on_progress=LateProgress(quiet=options["quiet"]),
    )
    _write(frame, out, options["as_json"])
    return _tell(frame, out)


def _require_free(out: Path | None, force: bool) -> None:
    if out is None:
        return
    if out.is_dir() or not out.absolute().parent.is_dir():
        what = "is a folder" if out.is_dir() else f"lies in a folder that does not exist ({out.absolute().parent})"
        raise ValueError(f"--out {out}: the file {what}. Name a CSV file in a folder that exists.")
    if out.exists() and not force:
        raise ValueError(
            f"--out {out}: the file exists, and nothing is overwritten unasked. Pass --force, or another name."
        )


def _write(frame: pd.DataFrame, out: Path | None, as_json: bool) -> None:
    if as_json:
        plain = frame.astype(object).where(frame.notna(), None)
        told = {name: value for name, value in frame.attrs.items() if name != "left_out"}
        print_json({**told, "images": len(frame), "out": str(out) if out else None, "rows": plain.to_dict("records")})
    if out is not None:
        from orchestrator.errors import StorageError

        try:
            frame.to_csv(out, index=False, errors="surrogateescape")
        except OSError as error:
            raise StorageError(
                f"--out {out} cannot be written: {error.strerror or error}. Choose another place."
            ) from None
    elif not as_json:
        click.echo(frame.to_csv(index=False), nl=False)


def _tell(frame: pd.DataFrame, out: Path | None) -> int:
    """Say on stderr what was done, and return the exit code."""
    from orchestrator.report.text import plural

    told, left_out = frame.attrs, frame.attrs["left_out"]
    bad = int((frame["problem"] != "").sum()) if "problem" in frame else 0
    where = f" in {out}" if out else ""
    click.echo(
        f"{plural(len(frame) - bad, 'image')} predicted by {told['name']} of {told['sweep']} (temperature {told['temperature']:.3f})"
        + where,
        err=True,
    )
    if left_out:
        more = ", ..." if len(left_out) > 1 else ""
        click.echo(
            f"note: left out, no image by its name: {plural(len(left_out), 'file')} ({left_out[0]}{more})", err=True
        )
    if bad:
        click.echo(f"note: {plural(bad, 'image')} could not be read; see the column problem", err=True)
    return 1 if bad else 0
