"""Results as JSON, CSV, Markdown and DataFrames: the same rows everywhere."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.report.columns import Column, columns_of
from orchestrator.report.summary import best_trial
from orchestrator.report.text import DASH, number_text, params_text
from orchestrator.results import ResultRow, baseline_rows, objectives_of, result_rows
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from search_spaces.objective import Objective

if TYPE_CHECKING:
    import pandas as pd

PLAIN = ("key", "kind", "name", "trial", "state", "epochs")


def results_json(ledger: Ledger, store: Store) -> dict[str, Any]:
    """Every row as JSON values: what `results --format json` prints. NaN and infinity are None."""
    objectives = objectives_of(ledger.definition())
    return {
        "sweep": ledger.name,
        "objectives": [{"metric": each.metric, "mode": each.mode} for each in objectives],
        "rows": [_json_row(row) for row in result_rows(store, ledger)],
        "baselines": [
            {"key": each.key, "name": each.name, "data": each.data, "metrics": dict(each.metrics)}
            for each in baseline_rows(store, ledger)
        ],
    }


def results_frame(rows: Sequence[ResultRow]) -> pd.DataFrame:
    """One line a row: its own columns, then `params/<name>`, `metrics/<name>` and `seconds/<stage>`.

    What a row has not is missing (NaN). `members` holds the keys of an ensemble's networks.
    """
    import pandas as pd

    return pd.DataFrame([_flat(row) for row in rows], columns=_names(rows))


def results_csv(rows: Sequence[ResultRow]) -> str:
    """The same columns as `results_frame`; members are joined by spaces, what a row has not is empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _names(rows), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**_flat(row), "members": " ".join(row.members)} for row in rows)
    return buffer.getvalue()


def results_markdown(
    rows: Sequence[ResultRow], objectives: Sequence[Objective], columns: Sequence[Column] | None = None
) -> str:
    """The headline columns, or those given, as a Markdown table, and what was drawn; the best trial is bold."""
    columns = columns_of(rows, objectives) if columns is None else columns
    best = best_trial(rows, objectives[0])
    lines = [
        "| name | state | epochs | " + " | ".join(column.title for column in columns) + " | parameters |",
        "| --- | --- | ---: |" + " ---: |" * len(columns) + " --- |",
    ]
    for row in rows:
        name = f"**{row.name}**" if row is best else row.name
        numbers = [number_text(column.value(row), column.digits) for column in columns]
        drawn = params_text(row.params).replace("|", "\\|") or DASH
        lines.append("| " + " | ".join([name, row.state, str(row.epochs or DASH), *numbers, drawn]) + " |")
    return "\n".join(lines) + "\n"


def _json_row(row: ResultRow) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in PLAIN},
        "params": _finite(row.params),
        "metrics": _finite(row.metrics),
        "members": list(row.members),
        "weights": dict(row.weights),
        "seconds": _finite(row.seconds),
        "remarks": list(row.remarks),
    }


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }


def _flat(row: ResultRow) -> dict[str, Any]:
    groups = {"params": row.params, "metrics": row.metrics, "seconds": row.seconds}
    wide = {f"{group}/{name}": value for group, values in groups.items() for name, value in values.items()}
    return {**{name: getattr(row, name) for name in PLAIN}, "members": row.members, **wide}


def _names(rows: Sequence[ResultRow]) -> list[str]:
    found: dict[str, None] = dict.fromkeys((*PLAIN, "members"))
    for group in ("params", "metrics", "seconds"):
        for row in rows:
            found |= dict.fromkeys(f"{group}/{name}" for name in getattr(row, group))
    return list(found)
