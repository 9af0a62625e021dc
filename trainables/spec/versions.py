"""Versions of the computations; raised by whoever changes their numbers.

A version is part of the key of every result, so raising it makes old results be computed anew. The table of hashes in
`trainables/version_hashes.json` notices a change of the modules named here (see CONTRIBUTING.md).
"""

from __future__ import annotations

VERSIONS: dict[str, int] = {
    "data": 2,
    "decode": 1,
    "lungs": 1,
    "fit": 2,
    "predict": 2,
    "evaluation": 3,
    "temperature": 3,
    "calibration": 1,
    "laplace": 3,
    "mc_dropout": 1,
    "snapshots": 1,
    "aopc": 3,
    "aopc_stability": 1,
    "explanation_scores": 1,
    "member_maps": 2,
    "ensemble_maps": 2,
    "attentive": 1,
    "explanation": 1,
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
    "lungs": ("trainables.segmentation",),
    "fit": ("trainables.fit",),
    "predict": ("trainables.predict",),
    "evaluation": ("trainables.posthoc.evaluation",),
    "temperature": ("trainables.posthoc.temperature",),
    "calibration": ("trainables.posthoc.calibration",),
    "laplace": ("trainables.posthoc.laplace",),
    "mc_dropout": ("trainables.posthoc.mc_dropout",),
    "snapshots": ("trainables.posthoc.snapshots",),
    "aopc": ("trainables.posthoc.aopc",),
    "aopc_stability": ("trainables.posthoc.aopc_stability",),
    "explanation_scores": ("trainables.posthoc.explanation_scores",),
    "member_maps": ("trainables.posthoc.member_maps", "trainables.posthoc.laplace", "trainables.posthoc.posterior"),
    "ensemble_maps": ("trainables.posthoc.member_maps",),
    "attentive": ("trainables.posthoc.attentive",),
    "explanation": ("trainables.explain.members",),
    "ensemble": ("trainables.posthoc.ensemble",),
    "baseline": ("trainables.posthoc.baseline",),
    "conformal": ("trainables.posthoc.conformal",),
    "shift": ("trainables.posthoc.shift",),
}
