import math

import pytest
import sklearn.metrics as reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_calibration_error

from tests.trainables.planted import ids, predictions
from trainables.metrics import headline, reliability
from trainables.predictions import Predictions


def slow_calibration_error(one, bins):
    probabilities = one.pooled_log_probs().exp()
    error = 0.0
    for lowest in range(bins):
        inside = []
        for row, target in zip(probabilities, one.targets, strict=True):
            confidence = float(row.max())
            if lowest / bins < confidence <= (lowest + 1) / bins:
                inside.append((confidence, float(row.argmax() == target)))
        if inside:
            confidences, hits = zip(*inside, strict=True)
            error += abs(sum(hits) - sum(confidences)) / len(one)
    return error


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("bins", [1, 5, 15, 40])
def test_the_calibration_error_agrees_with_torchmetrics_and_a_slow_loop(members, bins):
    one = predictions(members=members, temperature=2.0)
    ours = headline(one, bins=bins)["ece"]
    assert ours == pytest.approx(slow_calibration_error(one, bins), abs=1e-12)
    theirs = multiclass_calibration_error(
        one.pooled_log_probs().exp(), one.targets, num_classes=4, n_bins=bins, norm="l1"
    )
    assert ours == pytest.approx(float(theirs), abs=1e-6)


def test_nll_and_brier_agree_with_scikit_learn_and_a_closed_form():
    one = predictions(members=2)
    probabilities = one.pooled_log_probs().exp()
    result = headline(one)
    assert result["nll"] == pytest.approx(reference.log_loss(one.targets.numpy(), probabilities.numpy()))
    truth = torch.eye(4, dtype=torch.float64)[one.targets]
    assert result["brier"] == pytest.approx(float(((probabilities - truth) ** 2).sum(1).mean()))


def test_a_coin_scores_log_2_and_one_half():
    coin = Predictions(
        logits=torch.full((1, 10, 2), 3.0), targets=torch.arange(10) % 2, image_ids=ids("val", 10), split="val"
    )
    assert headline(coin) == pytest.approx(
        {"accuracy": 0.5, "macro_f1": 1 / 3, "nll": math.log(2), "brier": 0.5, "ece": 0.0}
    )


def test_certainty_about_wrong_answers_is_as_bad_as_it_gets():
    logits = torch.tensor([[[200.0, -200.0]]]).expand(1, 8, 2)
    wrong = Predictions(logits=logits, targets=torch.ones(8, dtype=torch.int64), image_ids=ids("val", 8), split="val")
    assert headline(wrong) == pytest.approx({"accuracy": 0, "macro_f1": 0, "nll": 400, "brier": 2, "ece": 1})


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), bins=st.integers(1, 30), temperature=st.floats(0.1, 10))
def test_a_reliability_curve_counts_every_image_once_and_keeps_its_mean_accuracy(seed, bins, temperature):
    one = predictions(images=80, seed=seed, temperature=temperature)
    curve = reliability(one, bins)
    filled = curve.counts > 0
    assert int(curve.counts.sum()) == 80
    assert torch.isnan(curve.accuracy[~filled]).all()
    assert ((curve.confidence >= curve.edges[:-1]) & (curve.confidence <= curve.edges[1:]))[filled].all()
    mean = float((curve.counts * curve.accuracy)[filled].sum() / 80)
    assert mean == pytest.approx(headline(one)["accuracy"])
    assert 0 <= curve.calibration_error() <= 1


def test_a_bin_holds_its_upper_edge():
    logits = torch.tensor([[[0.0, 0.0], [100.0, 0.0]]])
    one = Predictions(logits=logits, targets=torch.tensor([0, 0]), image_ids=ids("val", 2), split="val")
    assert reliability(one, 2).counts.tolist() == [1, 1]


def test_calibrated_predictions_have_a_small_error_and_overconfident_ones_a_large_one():
    assert headline(predictions(images=20_000))["ece"] < 0.015
    assert headline(predictions(images=20_000, temperature=4.0))["ece"] > 0.15


def test_no_bins_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        reliability(predictions(), 0)
