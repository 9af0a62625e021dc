from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from tests.trainables.planted_labels import LABELS, PlantedLabelNetwork, label_predictions
from trainables.metrics import evaluate, headline, predicted_labels
from trainables.multilabel import MultiLabelPredictions
from trainables.posthoc import run
from trainables.posthoc.temperature import apply_temperature, fit_temperature
from trainables.spec import Conformal, Ensemble, Evaluation, Split, Temperature


def slow_fit(one):
    known = one.known()
    scores, targets = one.pooled_log_odds()[known], one.targets.double()[known]

    def nll(inverse):
        return torch.nn.functional.binary_cross_entropy_with_logits(scores * inverse, targets).item()

    return 1 / minimize_scalar(nll, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-10}).x


@pytest.mark.parametrize("planted", [0.3, 1.0, 2.5, 5.0])
def test_a_planted_temperature_is_recovered(planted):
    assert fit_temperature(label_predictions(images=20_000, temperature=planted)) == pytest.approx(planted, rel=0.04)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("planted", [0.4, 1.7, 6.0])
def test_the_fit_agrees_with_a_general_minimiser(members, planted):
    one = label_predictions(members=members, temperature=planted)
    assert fit_temperature(one) == pytest.approx(slow_fit(one), rel=1e-5)


def test_the_fit_of_soft_targets_agrees_with_a_general_minimiser():
    one = label_predictions(temperature=3.0, unknown=0.0)
    soft = MultiLabelPredictions(
        logits=one.logits, targets=0.15 + 0.7 * one.targets, image_ids=one.image_ids, split=one.split
    )
    assert fit_temperature(soft) == pytest.approx(slow_fit(soft), rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), planted=st.floats(0.01, 100), images=st.integers(2, 60))
def test_the_nll_of_the_fitting_split_never_gets_worse(seed, planted, images):
    one = label_predictions(images=images, seed=seed, temperature=planted, unknown=0.1)
    before, after = headline(one), headline(apply_temperature(one, fit_temperature(one)))
    assert after["nll"] <= before["nll"] + 1e-12


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), temperature=st.floats(0.05, 20), members=st.integers(1, 3))
def test_temperature_changes_neither_a_decision_nor_an_order(seed, temperature, members):
    one = label_predictions(images=40, seed=seed, members=members)
    calibrated = apply_temperature(one, temperature)
    assert torch.equal(predicted_labels(calibrated), predicted_labels(one))
    before, after = headline(one), headline(calibrated)
    assert (after["accuracy"], after["auroc"]) == (before["accuracy"], before["auroc"])


def test_a_calibration_split_whose_labels_nobody_knows_keeps_temperature_1_and_says_so():
    network = PlantedLabelNetwork(overconfidence=4.0, unknown={"calib": 1.1})
    result = run(Temperature(), [network])
    assert result.metrics["calib/temperature"] == 1.0
    assert result.metrics["calib/nll"] is None
    assert "No label of calib is known" in result.remarks[0]
    pooled = run(Ensemble(size=1), [network])
    assert pooled.metrics["temperature/calib/temperature"] == 1.0
    assert "No label of calib is known" in pooled.remarks[0]


def test_every_split_but_train_is_evaluated():
    network = PlantedLabelNetwork()
    result = run(Evaluation(), [network])
    for split in ("val", "calib", "test"):
        expected = evaluate(network.predictions(split), LABELS)
        assert {name: result.metrics[f"{split}/{name}"] for name in expected} == expected
        assert result.tensors[f"entropy/{split}"].shape == (120,)


def test_temperature_brings_the_calibration_error_down():
    result = run(Temperature(), [PlantedLabelNetwork(overconfidence=4.0)])
    raw = run(Evaluation(), [PlantedLabelNetwork(overconfidence=4.0)])
    assert result.metrics["test/ece"] < 0.7 * raw.metrics["test/ece"]
    assert result.metrics["test/auroc"] == raw.metrics["test/auroc"]


def test_an_ensemble_pools_and_is_then_calibrated():
    group = [PlantedLabelNetwork(key=f"network-{n}", seed=n, overconfidence=3.0) for n in range(1, 4)]
    result = run(Ensemble(), group)
    mean = torch.stack([torch.sigmoid(each.predictions("test").logits[0].double()) for each in group]).mean(0)
    torch.testing.assert_close(result.predictions["test"].pooled_log_probs().exp(), mean)
    fitted = fit_temperature(result.predictions["calib"])
    assert result.metrics["temperature/calib/temperature"] == fitted
    assert isinstance(result.predictions["temperature/test"], MultiLabelPredictions)
    members = [headline(each.predictions("test"))["nll"] for each in group]
    assert result.metrics["test/nll"] <= sum(members) / 3
    assert result.tensors["mutual_information/test"].max() > 0.01


def test_an_ensemble_of_copies_equals_the_member():
    member = PlantedLabelNetwork(overconfidence=3.0)
    metrics = run(Ensemble(), [replace(member, key=f"network-{n}") for n in range(4)]).metrics
    alone = run(Evaluation(), [member]).metrics
    assert {name: metrics[name] for name in alone} == pytest.approx(alone)


def test_without_a_calib_split_val_is_used():
    result = run(Temperature(), [PlantedLabelNetwork(split_spec=Split(calib=0.0))])
    assert "no calib split" in result.remarks[0]


def test_a_task_that_is_defined_for_classes_only_says_so_before_any_work():
    with pytest.raises(ValueError, match=r"The task 'conformal.*several labels.*Take it out"):
        run(Conformal(), [PlantedLabelNetwork()])
