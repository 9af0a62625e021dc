"""A comparison of sweeps as a page, Markdown or JSON."""

from __future__ import annotations

import time
from typing import Any

from orchestrator.figures.words import METRICS
from orchestrator.report.text import number_text, time_text
from orchestrator.report.versus import SHOWN, Comparison


def comparison_json(found: Comparison) -> dict[str, Any]:
    """Everything as JSON values; numbers are plain."""
    return {
        "sweeps": list(found.sweeps),
        "settings": [{"name": name, "values": list(texts)} for name, texts in found.settings],
        "sides": [
            {
                "sweep": side.sweep,
                "name": side.name,
                "what": side.what,
                "units": side.units,
                "metrics": dict(side.metrics),
                "intervals": {name: [each.low, each.high] for name, each in side.intervals.items()},
            }
            for side in found.sides
        ],
        "differences": [
            {
                "one": each.one,
                "other": each.other,
                "what": each.what,
                "paired": each.is_paired,
                "metrics": {
                    name: {"value": d.value, "low": d.low, "high": d.high, "verdict": each.verdict(name)}
                    for name, d in each.differences.items()
                },
            }
            for each in found.versus
        ],
        "remarks": list(found.remarks),
    }


def comparison_markdown(found: Comparison) -> str:
    """Tables of settings, of what each reaches, and of differences."""
    heads, rows = sides_table(found)
    lines = [f"# {' and '.join(found.sweeps)}", ""]
    if found.settings:
        lines += [
            "## What they differ in",
            "",
            *_table(["setting", *found.sweeps], [[n, *t] for n, t in found.settings]),
        ]
    lines += ["## On test, with 95 % intervals", "", *_table(heads, rows)]
    heads, rows = differences_table(found)
    if rows:
        lines += ["## Differences", "", *_table(heads, rows)]
    return "\n".join([*lines, *(f"{remark}\n" for remark in found.remarks)])


def comparison_page(found: Comparison) -> str:
    """One HTML file that fetches nothing."""
    from orchestrator.report.write import environment

    return (
        environment()
        .get_template("versus.html")
        .render(
            found=found, sides=sides_table(found), differences=differences_table(found), written=time_text(time.time())
        )
    )


def sides_table(found: Comparison) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of what each reaches."""
    rows = []
    for side in found.sides:
        cells = [side.sweep, side.what, side.name]
        for metric in SHOWN:
            value, interval = side.metrics.get(metric), side.intervals.get(metric)
            text = number_text(value)
            cells.append(f"{text} ({interval.low:z.3f} to {interval.high:z.3f})" if interval else text)
        rows.append(cells)
    return ["sweep", "judged", "name", *(METRICS[name] for name in SHOWN)], rows


def differences_table(found: Comparison) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the differences, the first sweep less the second."""
    rows = []
    for each in found.versus:
        cells = [f"{each.one} less {each.other}", each.what, "same images" if each.is_paired else "other images"]
        for metric in SHOWN:
            d = each.differences.get(metric)
            cells.append(f"{d.value:+z.3f} ({d.low:+z.3f} to {d.high:+z.3f}), {each.verdict(metric)}" if d else "–")
        rows.append(cells)
    return ["sweeps", "judged", "on", *(METRICS[name] for name in SHOWN)], rows


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines] + [""]
