import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from tests.trainables.planted import CLASSES, PlantedNetwork, ids, predictions
from trainables.metrics import headline, predicted_classes
from trainables.posthoc.temperature import apply_temperature, fit_temperature, range_remarks, run, temperature_metrics
from trainables.predictions import Predictions
from trainables.spec import Split, Temperature


def slow_fit(one):
    def nll(inverse):
        return torch.nn.functional.cross_entropy(one.pooled_log_probs() * inverse, one.targets).item()

    return 1 / minimize_scalar(nll, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-10}).x


@pytest.mark.parametrize("planted", [0.3, 1.0, 2.5, 5.0])
def test_a_planted_temperature_is_recovered(planted):
    assert fit_temperature(predictions(images=20_000, temperature=planted)) == pytest.approx(planted, rel=0.04)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("planted", [0.4, 1.7, 6.0])
def test_the_fit_agrees_with_a_general_minimiser(members, planted):
    one = predictions(members=members, temperature=planted)
    assert fit_temperature(one) == pytest.approx(slow_fit(one), rel=1e-5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), planted=st.floats(0.01, 100), images=st.integers(2, 60))
def test_the_nll_of_the_fitting_split_never_gets_worse(seed, planted, images):
    one = predictions(images=images, seed=seed, temperature=planted)
    calibrated = apply_temperature(one, fit_temperature(one))
    assert headline(calibrated)["nll"] <= headline(one)["nll"] + 1e-12


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), temperature=st.floats(0.05, 20), members=st.integers(1, 3))
def test_temperature_never_changes_an_argmax(seed, temperature, members):
    one = predictions(images=40, seed=seed, members=members)
    assert torch.equal(predicted_classes(apply_temperature(one, temperature)), predicted_classes(one))


def test_calibrated_predictions_stay_as_they_are():
    one = predictions(temperature=3.0)
    calibrated = apply_temperature(one, fit_temperature(one))
    assert fit_temperature(calibrated) == pytest.approx(1.0, abs=1e-7)


def test_single_precision_is_no_reason_to_stay_at_1():
    one = predictions(temperature=3.0)
    double = one.with_logits(one.logits.double())
    assert fit_temperature(one) == pytest.approx(fit_temperature(double), rel=1e-6)


def test_a_flawless_split_ends_at_the_range_and_says_so():
    logits = torch.eye(3)[None] * 5
    one = Predictions(logits=logits, targets=torch.arange(3), image_ids=ids("calib", 3), split="calib")
    assert fit_temperature(one) == pytest.approx(0.05)
    hopeless = Predictions(logits=-logits, targets=torch.arange(3), image_ids=ids("calib", 3), split="calib")
    assert fit_temperature(hopeless) == pytest.approx(20.0)
    assert "end of its range" in range_remarks(fit_temperature(one))[0]
    assert "end of its range" in range_remarks(fit_temperature(hopeless))[0]
    assert range_remarks(1.3) == ()


def test_logits_without_any_opinion_keep_temperature_1():
    flat = Predictions(
        logits=torch.zeros(1, 6, 3), targets=torch.arange(6) % 3, image_ids=ids("calib", 6), split="calib"
    )
    assert fit_temperature(flat) == 1.0


def test_the_test_split_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"given the test split, .* optimistic. Pass predictions on 'calib'"):
        fit_temperature(predictions(split="test"))


@pytest.mark.parametrize("split", ["train", "another hospital"])
def test_other_splits_are_refused_too(split):
    with pytest.raises(ValueError, match=f"given the {split} split"):
        fit_temperature(predictions(split=split))


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_none_is_refused(temperature):
    with pytest.raises(ValueError, match="a temperature is above 0"):
        apply_temperature(predictions(), temperature)


def test_the_task_calibrates_an_overconfident_network():
    network = PlantedNetwork(overconfidence=6.0, images_per_split=2000)
    result = run(Temperature(), network)
    assert result.metrics["calib/temperature"] == pytest.approx(6.0, rel=0.15)
    assert result.metrics["test/ece"] < headline(network.predictions("test"))["ece"] / 2
    assert result.metrics["val/accuracy"] == headline(network.predictions("val"))["accuracy"]
    assert set(result.predictions) == {"val", "calib", "test"}
    assert set(result.seconds) == {"fit", "evaluate"}
    assert float(result.tensors["temperature"]) == result.metrics["calib/temperature"]
    assert result.remarks == ()


def test_without_a_calib_split_val_is_used_and_the_report_says_so():
    network = PlantedNetwork(split_spec=Split(calib=0.0))
    result = run(Temperature(), network)
    assert result.metrics["calib/temperature"] == fit_temperature(network.predictions("val"))
    assert "no calib split" in result.remarks[0]
    assert "calib" not in network.asked


def test_the_report_of_an_epoch_holds_the_same_numbers_as_the_task():
    network = PlantedNetwork(overconfidence=3.0)
    whole = run(Temperature(), network).metrics
    quick = temperature_metrics(network.predictions("val"), network.predictions("calib"))
    assert quick == {f"temperature/{name}": whole[name] for name in [n.removeprefix("temperature/") for n in quick]}
    assert {"temperature/val/nll", "temperature/val/ece", "temperature/calib/temperature"} <= set(quick)
    by_class = temperature_metrics(network.predictions("val"), network.predictions("calib"), CLASSES)
    assert by_class["temperature/val/recall/opacity"] == whole["val/recall/opacity"]
