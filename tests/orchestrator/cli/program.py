"""The command line as a user meets it: in this process for speed, in one of its own where that matters."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from orchestrator.cli import main

ROOT = Path(__file__).resolve().parents[3]

SPACE = """
from dataclasses import replace

from search_spaces.objective import Objective
from search_spaces.sweep import Asha, Sweep
from trainables.spec import (
    Ensemble, Evaluation, Laplace, Optimizer, Schedule, SmallCNN, Split, Synthetic, Temperature, TrialSpec,
)


def space(trial):
    return TrialSpec(
        data=Synthetic(images=96, size=32, images_per_patient=2),
        split=Split(val=0.2, calib=0.15, test=0.2),
        model=SmallCNN(widths=(4, 8), dropout=trial.suggest_float("dropout", 0.0, 0.5)),
        optimizer=Optimizer(learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)),
        schedule=Schedule(epochs=2, batch_size=16),
    )


sweep = Sweep(
    name="tiny",
    space=space,
    objectives=(Objective(metric="val/nll", mode="min"),),
    trials=3,
    member_seeds=1,
    posthoc=(Evaluation(), Temperature(), Ensemble(members="seeds", size=2), Ensemble(members="top", size=2)),
)
"""

FOLDER_SPACE = """
from search_spaces.sweep import Sweep
from trainables.spec import CovidRadiography, Optimizer, Schedule, SmallCNN, Split, TrialSpec


def space(trial):
    return TrialSpec(
        data=CovidRadiography(size=32),
        split=Split(val=0.2, calib=0.2, test=0.2),
        model=SmallCNN(widths=(4,)),
        optimizer=Optimizer(learning_rate=trial.suggest_float("learning_rate", 1e-3, 1e-2)),
        schedule=Schedule(epochs=1, batch_size=16),
    )


sweep = Sweep(name="folder", space=space, trials=1, member_seeds=0, posthoc=())
"""


@dataclass(frozen=True, kw_only=True)
class Said:
    """How a command ended: exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """What stands on stderr, in one line."""
        return " ".join(self.err.split())


def orchestrator(*words: Any, env: dict[str, str] | None = None, answer: str = "") -> Said:
    """Call the command line in this process. Whatever it says, it is never a stack trace."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["orchestrator", *map(str, words)]
    with (
        patch.object(sys, "argv", argv),
        patch.object(sys, "stdin", io.StringIO(answer)),
        patch.dict(os.environ, env or {}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return _checked(Said(code=code, out=out.getvalue(), err=err.getvalue()))


def program(*words: Any, env: dict[str, str] | None = None) -> Said:
    """Run the command line as a process of its own."""
    command = [sys.executable, "-m", "orchestrator", *map(str, words)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **(env or {})}, timeout=200, check=False
    )
    return _checked(Said(code=done.returncode, out=done.stdout, err=done.stderr))


def refusal(*words: Any, code: int = 2, env: dict[str, str] | None = None) -> str:
    """Call a command that must be refused: the exit code, one paragraph, nothing on stdout. Returns the paragraph."""
    said = orchestrator(*words, env=env)
    assert said.code == code, said
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1, "more than one paragraph"
    return said.error


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content: what a refused command must leave alone."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock"
    }


def _checked(said: Said) -> Said:
    assert "Traceback" not in said.out + said.err, said.out + said.err
    return said
