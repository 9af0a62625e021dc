import math

import pytest
import sklearn.metrics as reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainables.planted import CLASSES, ids, predictions
from tests.trainables.planted_labels import LABELS, label_predictions
from trainables.metrics import evaluate, evaluate_fully
from trainables.metrics.calibration_errors import brier_parts, equal_mass_bins
from trainables.metrics.columns import Column, columns_of
from trainables.multilabel import MultiLabelPredictions
from trainables.predictions import Predictions


def slow_bins(probabilities, truths, bins, edge):
    """Mean probability, share true and size of every bin that is not empty; `edge` tells a value's bin."""
    found = []
    for number in range(bins):
        inside = [(p, y) for p, y in zip(probabilities, truths, strict=True) if edge(p) == number]
        if inside:
            found.append(
                (sum(p for p, _ in inside) / len(inside), sum(y for _, y in inside) / len(inside), len(inside))
            )
    return found


def equal_width(bins):
    return lambda p: max(0, math.ceil(p * bins) - 1)


def equal_mass(values, bins):
    def edge(p):
        below, same = sum(v < p for v in values), sum(v == p for v in values)
        return min(bins - 1, math.floor((below + same / 2) * bins / len(values)))

    return edge


def known_columns(one):
    for column in columns_of(one):
        yield column.probability.tolist(), column.truth.tolist()


@pytest.mark.parametrize("members", [1, 3])
def test_agreement_is_that_of_scikit_learn(members):
    one = predictions(members=members, seed=3)
    truth, chosen = one.targets.numpy(), one.pooled_log_probs().argmax(1).numpy()
    found = evaluate_fully(one, CLASSES)
    _, _, scores, sizes = reference.precision_recall_fscore_support(truth, chosen)
    areas = [
        reference.average_precision_score(truth == n, one.pooled_log_probs()[:, n].numpy()) for n in range(one.classes)
    ]
    for n, name in enumerate(CLASSES):
        assert found[f"f1/{name}"] == pytest.approx(scores[n])
        assert found[f"support/{name}"] == sizes[n]
        assert found[f"auprc/{name}"] == pytest.approx(areas[n])
    assert found["auprc"] == pytest.approx(sum(areas) / len(areas))
    assert found["weighted_f1"] == pytest.approx(reference.f1_score(truth, chosen, average="weighted"))
    assert found["kappa"] == pytest.approx(reference.cohen_kappa_score(truth, chosen))


def test_agreement_of_labels_is_that_of_scikit_learn_on_the_known_entries():
    one, kappas = label_predictions(members=2), []
    found = evaluate_fully(one, LABELS)
    for name, column in zip(LABELS, columns_of(one), strict=True):
        truth, chosen = column.present.numpy(), (column.probability > 0.5).numpy()
        assert found[f"f1/{name}"] == pytest.approx(reference.f1_score(truth, chosen))
        assert found[f"support/{name}"] == truth.sum()
        kappas.append(reference.cohen_kappa_score(truth, chosen))
    assert found["kappa"] == pytest.approx(sum(kappas) / len(kappas))


@pytest.mark.parametrize("bins", [5, 15])
def test_calibration_errors_are_those_of_a_slow_loop(bins):
    one = predictions(temperature=2.5, seed=1)
    top, chosen = one.pooled_log_probs().exp().max(1)
    sure, right = top.tolist(), (chosen == one.targets).double().tolist()
    found, size = evaluate_fully(one, CLASSES, bins=bins), len(one)
    wide, even = slow_bins(sure, right, bins, equal_width(bins)), slow_bins(sure, right, bins, equal_mass(sure, bins))
    assert found["mce"] == pytest.approx(max(abs(p - y) for p, y, _ in wide))
    assert found["ece_equal_mass"] == pytest.approx(sum(abs(p - y) * n for p, y, n in even) / size)
    assert found["ece_5"] == evaluate(one, CLASSES, bins=5)["ece"]
    errors, gaps = [], []
    for probabilities, truths in known_columns(one):
        wide = slow_bins(probabilities, truths, bins, equal_width(bins))
        even = slow_bins(probabilities, truths, bins, equal_mass(probabilities, bins))
        errors.append(sum(abs(p - y) * n for p, y, n in wide) / size)
        gaps.append(sum(abs(p - y) for p, y, _ in even) / len(even))
    assert [found[f"ece/{name}"] for name in CLASSES] == pytest.approx(errors)
    assert found["ece_classwise"] == pytest.approx(sum(errors) / len(errors))
    assert found["ace"] == pytest.approx(sum(gaps) / len(gaps))


def test_calibration_errors_of_labels_are_means_over_the_labels():
    one, mass, worst = label_predictions(temperature=3.0), [], []
    found = evaluate_fully(one, LABELS)
    for probabilities, truths in known_columns(one):
        even = slow_bins(probabilities, truths, 15, equal_mass(probabilities, 15))
        mass.append(sum(abs(p - y) * n for p, y, n in even) / len(truths))
        worst.append(max(abs(p - y) for p, y, _ in slow_bins(probabilities, truths, 15, equal_width(15))))
    assert found["ece_equal_mass"] == pytest.approx(sum(mass) / 3)
    assert found["mce"] == pytest.approx(sum(worst) / 3)
    assert found["ece_5"] == evaluate(one, LABELS, bins=5)["ece"]


def test_the_parts_of_the_brier_score_add_up_and_are_those_of_a_slow_loop():
    for one, names, divisor in (
        (predictions(temperature=2.0), CLASSES, 300),
        (label_predictions(), LABELS, int(label_predictions().known().sum())),
    ):
        found, parts = evaluate_fully(one, names), [0.0, 0.0, 0.0]
        for probabilities, truths in known_columns(one):
            base = sum(truths) / len(truths)
            for p, y, n in slow_bins(probabilities, truths, 15, equal_width(15)):
                parts[0] += n * (p - y) ** 2 / divisor
                parts[1] += n * (y - base) ** 2 / divisor
            parts[2] += len(truths) * base * (1 - base) / divisor
        assert [found[f"brier_{name}"] for name in ("reliability", "resolution", "uncertainty")] == pytest.approx(parts)
        whole = parts[0] - parts[1] + parts[2] + found["brier_remainder"]
        assert whole == pytest.approx(found["brier"])


def test_forecasts_that_are_equal_within_their_bins_leave_no_remainder():
    random = torch.Generator().manual_seed(0)
    probability = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)[torch.randint(3, (200,), generator=random)]
    column = Column(
        rows=torch.arange(200),
        probability=probability,
        truth=torch.bernoulli(probability, generator=random),
        score=probability,
    )
    assert brier_parts([column], exclusive=False).remainder == pytest.approx(0.0, abs=1e-12)


def test_bins_of_equal_mass_hold_equal_numbers_and_never_part_equal_values():
    values = torch.rand(60, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.bincount(equal_mass_bins(values, 15)).tolist() == [4] * 15
    assert len(equal_mass_bins(torch.ones(7), 3).unique()) == 1


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), labels=st.booleans())
def test_a_permutation_of_the_images_changes_no_metric(seed, labels):
    names = LABELS if labels else CLASSES
    one = (label_predictions if labels else predictions)(images=40, seed=seed)
    coarse = one.with_logits((one.logits * 2).round() / 2 + 0.01)  # many equal scores
    order = torch.randperm(40, generator=torch.Generator().manual_seed(seed))
    shuffled = type(one)(
        logits=coarse.logits[:, order],
        targets=one.targets[order],
        image_ids=tuple(one.image_ids[n] for n in order),
        split=one.split,
    )
    assert evaluate_fully(shuffled, names) == pytest.approx(evaluate_fully(coarse, names), rel=1e-9)


def test_what_is_not_defined_is_missing():
    nothing = label_predictions(images=8, unknown=1.1)
    assert set(evaluate_fully(nothing, LABELS).values()) == {None}
    alone = Predictions(
        logits=torch.tensor([[[3.0, -1.0], [2.0, -1.0]]]),
        targets=torch.tensor([0, 0]),
        image_ids=("a", "b"),
        split="test",
    )
    found = evaluate_fully(alone, ("a", "b"))
    missing = {name for name, value in found.items() if value is None}
    assert {"kappa", "f1/b", "auprc/b", "error_auroc", "error_fpr95"} <= missing
    assert found["support/b"] == 0.0


def test_calibrated_labels_have_a_reliability_near_zero():
    one = label_predictions(images=20_000, unknown=0.0)
    loud = MultiLabelPredictions(
        logits=3 * one.logits, targets=one.targets, image_ids=ids("calib", 20_000), split="calib"
    )
    assert evaluate_fully(one, LABELS)["brier_reliability"] < 1e-3 < evaluate_fully(loud, LABELS)["brier_reliability"]
