import itertools

import pytest
import sklearn.metrics as reference
import torch

from tests.trainables.planted import CLASSES, predictions
from tests.trainables.planted_labels import LABELS, label_predictions
from trainables.metrics import evaluate_fully, selective_curves
from trainables.metrics.detection import detection, false_positive_rate
from trainables.metrics.selective import area_under_risk, curve_points, excess_area, selective_risks


def slow_risks(confidence, wrong):
    ordered = [error for _, error in sorted(zip(confidence, wrong, strict=True), key=lambda pair: -pair[0])]
    return [sum(ordered[: n + 1]) / (n + 1) for n in range(len(ordered))]


def test_risks_and_their_area_are_those_of_a_slow_loop():
    one = predictions(seed=4)
    top, chosen = one.pooled_log_probs().exp().max(1)
    wrong = chosen != one.targets
    slow = slow_risks(top.tolist(), wrong.double().tolist())
    best = slow_risks((-wrong.double()).tolist(), wrong.double().tolist())
    found = evaluate_fully(one, CLASSES)
    assert selective_risks(top, wrong).tolist() == pytest.approx(slow)
    assert found["aurc"] == pytest.approx(sum(slow) / len(slow))
    assert found["eaurc"] == pytest.approx(sum(slow) / len(slow) - sum(best) / len(best))
    assert slow[-1] == pytest.approx(1 - found["accuracy"])


def test_equal_confidences_give_the_mean_over_all_their_orders():
    confidence, wrong = torch.tensor([0.9, 0.5, 0.5, 0.5, 0.2]), torch.tensor([False, True, False, False, True])
    orders = [[0, *middle, 4] for middle in itertools.permutations((1, 2, 3))]
    slow = torch.tensor([slow_risks(range(5, 0, -1), wrong[order].double().tolist()) for order in orders])
    torch.testing.assert_close(selective_risks(confidence, wrong), slow.mean(0).double())


def test_an_order_that_keeps_every_right_decision_first_has_no_excess():
    wrong = torch.tensor([True, False, False, True])
    risks = selective_risks(torch.tensor([0.1, 0.8, 0.9, 0.2]), wrong)
    assert excess_area(risks, wrong) == pytest.approx(0.0)
    assert area_under_risk(risks) == pytest.approx((0 + 0 + 1 / 3 + 2 / 4) / 4)


def test_doubt_finds_errors_as_scikit_learn_says():
    one = predictions(seed=5)
    log_probs = one.pooled_log_probs()
    wrong = (log_probs.argmax(1) != one.targets).numpy()
    entropy = -(log_probs.exp() * log_probs).sum(1)
    found = evaluate_fully(one, CLASSES)
    assert found["error_auroc"] == pytest.approx(reference.roc_auc_score(wrong, -log_probs.max(1).values.numpy()))
    assert found["error_auroc_entropy"] == pytest.approx(reference.roc_auc_score(wrong, entropy.numpy()))


def test_of_labels_every_known_entry_is_a_decision():
    one = label_predictions(seed=2)
    rows = [
        (max(p, 1 - p), (p > 0.5) != (y == 1))
        for p, y in zip(
            one.logits[0].double().sigmoid().flatten().tolist(), one.targets.flatten().tolist(), strict=True
        )
        if y == y
    ]
    sure, wrong = zip(*rows, strict=True)
    found = evaluate_fully(one, LABELS)
    assert found["aurc"] == pytest.approx(sum(slow_risks(sure, wrong)) / len(rows))
    assert found["error_auroc"] == pytest.approx(reference.roc_auc_score(wrong, [-p for p in sure]))
    assert found["error_auroc_entropy"] == pytest.approx(found["error_auroc"])


def test_detection_agrees_with_torchmetrics_and_a_slow_loop():
    torchmetrics = pytest.importorskip("torchmetrics.functional.classification")
    random = torch.Generator().manual_seed(0)
    sought, others = torch.randn(60, generator=random) + 1, torch.randn(90, generator=random)
    found = detection(sought, others)
    truth = torch.cat([torch.ones(60), torch.zeros(90)]).int()
    assert found["auroc"] == pytest.approx(
        float(torchmetrics.binary_auroc(torch.cat([sought, others]), truth)), abs=1e-6
    )
    thresholds = [t for t in sought.tolist() if sum(s >= t for s in sought.tolist()) >= 0.95 * 60]
    slow = sum(s >= max(thresholds) for s in others.tolist()) / 90
    assert found["fpr95"] == pytest.approx(slow)


def test_groups_that_lie_apart_are_told_apart_without_error_and_empty_ones_not_at_all():
    assert detection(torch.tensor([3.0, 4]), torch.tensor([1.0, 2])) == {"auroc": 1.0, "fpr95": 0.0}
    assert set(detection(torch.tensor([]), torch.tensor([1.0])).values()) == {None}
    assert false_positive_rate(torch.zeros(3), torch.zeros(5)) == 1.0


def test_curves_end_at_what_all_decisions_give():
    one = predictions(seed=6, images=237)
    curves, accuracy = selective_curves(one), evaluate_fully(one, CLASSES)["accuracy"]
    assert {name: tuple(curve.shape) for name, curve in curves.items()} == {"risk_coverage": (101,), "referral": (101,)}
    assert float(curves["risk_coverage"][-1]) == pytest.approx(1 - accuracy)
    assert float(curves["referral"][0]) == pytest.approx(accuracy)
    risks = torch.arange(237, dtype=torch.float64)
    assert curve_points(risks)[[0, 1, 50, 100]].tolist() == [0, 2, 118, 236]
    assert selective_curves(label_predictions(images=8, unknown=1.1)) == {}
    with pytest.raises(ValueError, match="no decisions"):
        curve_points(torch.tensor([]))
