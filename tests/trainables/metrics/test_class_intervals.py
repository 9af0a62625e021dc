from __future__ import annotations

import pytest
import torch

from tests.trainables.planted_labels import LABELS, label_predictions
from trainables.metrics import evaluate_fully
from trainables.metrics.class_intervals import class_intervals
from trainables.predictions import Predictions

NAMES = ("a", "b", "c")


def predictions(images: int = 120, seed: int = 0) -> Predictions:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, images, 3, generator=generator)
    targets = torch.distributions.Categorical(logits=2 * logits[0]).sample()
    return Predictions(logits=logits, targets=targets, image_ids=tuple(map(str, range(images))), split="test")


def test_values_are_those_of_the_metrics_of_each_class() -> None:
    one = predictions()
    plain = evaluate_fully(one, NAMES)
    found = class_intervals(one, NAMES, one.image_ids, resamples=20)
    for name in NAMES:
        for metric in ("recall", "precision", "f1", "auroc"):
            each = found[f"{metric}/{name}"]
            assert each.value == pytest.approx(plain[f"{metric}/{name}"], abs=1e-9)
            assert each.low <= each.value <= each.high
    assert found["ece_5"].value == pytest.approx(plain["ece_5"], abs=1e-9)
    assert found["macro_recall"].value == pytest.approx(sum(plain[f"recall/{name}"] for name in NAMES) / 3)


def test_an_interval_of_recall_is_that_of_a_loop_over_drawn_images() -> None:
    one, resamples = predictions(images=40), 200
    found = class_intervals(one, NAMES, one.image_ids, resamples=resamples)["recall/a"]
    from trainables.metrics.bootstrap import drawn_weights

    said = one.logits[0].argmax(1)
    values = []
    for block in drawn_weights(one.image_ids, resamples, 0):
        for weights in block:
            drawn = [n for n, times in enumerate(weights.int().tolist()) for _ in range(times)]
            of_a = [n for n in drawn if one.targets[n] == 0]
            values.append(sum(int(said[n] == 0) for n in of_a) / len(of_a))
    ends = torch.tensor(values, dtype=torch.float64).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    assert (found.low, found.high) == pytest.approx(tuple(ends.tolist()))


def test_labels_have_an_area_each() -> None:
    one = label_predictions(images=150)
    plain = evaluate_fully(one, LABELS)
    found = class_intervals(one, LABELS, one.image_ids, resamples=20)
    for name in LABELS:
        assert found[f"auroc/{name}"].value == pytest.approx(plain[f"auroc/{name}"], abs=1e-6)
    assert not any(name.startswith("recall") for name in found)
