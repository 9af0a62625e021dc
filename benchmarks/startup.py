"""How long the command line takes to answer, against `import torch`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from typing import Any

from benchmarks.measure import ratio_row


def rows(*, repetitions: int = 5) -> list[dict[str, Any]]:
    """`--help`, `list` and `status` must answer in under a third of the time of `import torch`."""
    commands = {"--help": ["--help"], "list": ["list"], "status": ["status", "--storage", tempfile.gettempdir()]}
    return [_answer(name, words, repetitions) for name, words in commands.items()]


def _answer(name: str, words: list[str], repetitions: int) -> dict[str, Any]:
    return ratio_row(
        f"orchestrator {name}",
        "import torch",
        lambda: _run("-m", "orchestrator", *words),
        lambda: _run("-c", "import torch"),
        goal=0.33,
        repetitions=repetitions,
        sizes="a process each",
    )


def _run(*words: str) -> None:
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
