"""Fitting calibrators on stored logits, beside scikit-learn where it has the same model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.measure import ratio_row, seconds
from trainables.posthoc.calibration import fit_calibration
from trainables.posthoc.calibrators.isotonic import fit_isotonic
from trainables.posthoc.calibrators.platt import fit_platt
from trainables.predictions import Predictions
from trainables.spec import Calibration
from trainables.spec.calibration import Method

IMAGES, CLASSES = 1000, 7
METHODS: tuple[Method, ...] = ("platt", "isotonic", "histogram", "bbq", "vector", "matrix", "dirichlet")


def rows(*, repetitions: int = 5) -> list[dict[str, Any]]:
    """Platt and isotonic regression of one label against scikit-learn's; the seconds of every method are printed once."""
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression

    _print_seconds()
    generator = torch.Generator().manual_seed(0)
    log_odds = 3 * torch.randn(IMAGES, generator=generator, dtype=torch.float64)
    targets = torch.bernoulli(torch.sigmoid(log_odds / 3), generator=generator)
    inputs, outcomes = log_odds.numpy()[:, None], targets.numpy()
    common: dict[str, Any] = {"goal": 1.5, "repetitions": repetitions, "sizes": f"{IMAGES} entries of one label"}
    platt = ratio_row(
        "Platt scaling",
        "scikit-learn's LogisticRegression without a penalty",
        lambda: fit_platt(log_odds, targets),
        lambda: LogisticRegression(C=np.inf).fit(inputs, outcomes),
        **common,
    )
    isotonic = ratio_row(
        "isotonic regression",
        "scikit-learn's IsotonicRegression",
        lambda: fit_isotonic(log_odds, targets),
        lambda: IsotonicRegression(out_of_bounds="clip").fit(torch.sigmoid(log_odds).numpy(), outcomes),
        **common,
    )
    return [platt, isotonic]


def _print_seconds() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(1, IMAGES, CLASSES, generator=generator)
    drawn = torch.multinomial(torch.softmax(logits[0] / 3, dim=1), 1, generator=generator)[:, 0]
    ids = tuple(map(str, range(IMAGES)))
    predictions = Predictions(logits=logits, targets=drawn, image_ids=ids, split="calib")
    for method in METHODS:
        task = Calibration(method=method)
        took = seconds(lambda task=task: fit_calibration(task, predictions))  # type: ignore[misc]
        print(f"{took:8.3f} s to fit {method} on {IMAGES} images of {CLASSES} classes")
