"""Versions of the computations; raised by whoever changes their numbers.

A version is part of the key of every result, so raising it makes old results be computed anew. The table of hashes in
`trainables/version_hashes.json` notices a change of the modules named here (see CONTRIBUTING.md).
"""

from __future__ import annotations

VERSIONS: dict[str, int] = {
    "data": 2,
    "decode": 1,
    "fit": 2,
    "predict": 2,
    "evaluation": 3,
    "temperature": 3,
    "laplace": 3,
    "aopc": 2,
    "ensemble": 3,
    "baseline": 3,
    "conformal": 1,
    "shift": 1,
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
    "conformal": ("trainables.posthoc.conformal",),
    "shift": ("trainables.posthoc.shift",),
}
