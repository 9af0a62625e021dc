"""Versions of the computations; raised by whoever changes their numbers.

A version is part of the key of every result, so raising it makes old results be computed anew. The table of hashes in
`trainables/version_hashes.json` notices a change of the modules named here (see CONTRIBUTING.md).
"""

from __future__ import annotations

VERSIONS: dict[str, int] = {
    "data": 2,
    "decode": 1,
    "fit": 1,
    "predict": 1,
    "evaluation": 1,
    "temperature": 1,
    "laplace": 1,
    "aopc": 1,
    "ensemble": 1,
    "baseline": 1,
}

MODULES: dict[str, tuple[str, ...]] = {
    "data": (
        "trainables.data.drawn",
        "trainables.data.tabulate",
        "trainables.data.prepare",
        "trainables.data.external",
    ),
    "decode": ("trainables.data.decode_all", "trainables.data.readers"),
    "fit": ("trainables.fit",),
    "predict": ("trainables.predict",),
    "evaluation": ("trainables.posthoc.evaluation",),
    "temperature": ("trainables.posthoc.temperature",),
    "laplace": ("trainables.posthoc.laplace",),
    "aopc": ("trainables.posthoc.aopc",),
    "ensemble": ("trainables.posthoc.ensemble",),
    "baseline": ("trainables.posthoc.baseline",),
}
