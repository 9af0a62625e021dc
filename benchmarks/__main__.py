"""`make bench`: every measurement, a line and an entry of `benchmarks/results/<name>.json` each.

`python -m benchmarks [NAME ...]` runs some of them.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import torch

NAMES = (
    "startup",
    "synthetic",
    "data",
    "training",
    "losses",
    "laplace",
    "calibrators",
    "ensembles",
    "statistics",
    "explain",
    "precision",
)
APART = ("data-large", "gpu", "peers", "scale")
"""Run only when named: minutes long, for a machine with a GPU, or with libraries beside the environment."""
RESULTS = Path(__file__).parent / "results"


def main(names: list[str]) -> int:
    """Run the named measurements and return 1 if a goal is missed by more than the spread."""
    unknown = set(names) - {*NAMES, *APART}
    if unknown:
        print(
            f"There is no benchmark {', '.join(sorted(unknown))}. There are: {', '.join((*NAMES, *APART))}.",
            file=sys.stderr,
        )
        return 2
    torch.set_num_threads(1)
    RESULTS.mkdir(exist_ok=True)
    missed = False
    for name in names or NAMES:
        rows = importlib.import_module(f"benchmarks.{name.replace('-', '_')}").rows()
        (RESULTS / f"{name}.json").write_text(json.dumps({"name": name, "rows": rows}, indent=1) + "\n")
        for row in rows:
            print(line(row), flush=True)
            missed |= is_missed(row)
    return 1 if missed else 0


def line(row: dict[str, Any]) -> str:
    """A measurement as a line of text."""
    goal = "no goal" if row["goal"] is None else f"goal {row['goal']:g}"
    missed = "  MISSED" if is_missed(row) else ""
    return (
        f"{row['ratio']:8.3f} +- {row['spread']:.3f} ({goal}){missed}  {row['name']} / {row['peer']} [{row['sizes']}]"
    )


def is_missed(row: dict[str, Any]) -> bool:
    """Whether the ratio lies above the goal by more than its spread."""
    return row["goal"] is not None and row["ratio"] - row["spread"] > row["goal"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
