"""The task: every method on classes and on labels, from stored logits."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainables.planted import PlantedNetwork, predictions
from tests.trainables.planted_labels import LABELS, PlantedLabelNetwork, label_predictions
from trainables.metrics import headline, predicted_labels
from trainables.posthoc import run
from trainables.posthoc.calibration import apply_calibration, fit_calibration
from trainables.posthoc.temperature import fit_temperature
from trainables.spec import Calibration, Split, from_plain, posthoc_key, to_plain

FOR_CLASSES = ("platt", "isotonic", "histogram", "bbq", "vector", "matrix", "dirichlet")
FOR_LABELS = ("temperature_per_label", "platt", "isotonic", "histogram", "bbq", "dirichlet")
LIKELY = ("temperature_per_label", "platt", "dirichlet")


def calibrated(method, one, **settings_):
    return apply_calibration(one, fit_calibration(Calibration(method=method, **settings_), one))


@pytest.mark.parametrize("method", FOR_CLASSES)
def test_every_method_calibrates_an_overconfident_network(method):
    network = PlantedNetwork(overconfidence=6.0, images_per_split=600)
    result = run(Calibration(method=method), [network])
    assert result.metrics["test/ece"] < headline(network.predictions("test"))["ece"] / 2
    assert result.metrics["test/nll"] < headline(network.predictions("test"))["nll"]
    assert set(result.predictions) == {"val", "calib", "test"}
    assert set(result.seconds) == {"fit", "evaluate"}
    assert result.tensors
    probabilities = result.predictions["test"].log_probs().exp()
    assert float((result.predictions["test"].logits.exp() - probabilities).abs().max()) < 1e-12  # normalised already


@pytest.mark.parametrize("method", FOR_LABELS)
def test_every_method_calibrates_overconfident_labels(method):
    network = PlantedLabelNetwork(overconfidence=6.0)
    result = run(Calibration(method=method), [network])
    assert result.metrics["test/nll"] < headline(network.predictions("test"))["nll"]
    assert result.metrics["calib/ece"] < headline(network.predictions("calib"))["ece"]
    assert result.tensors


@pytest.mark.parametrize("method", FOR_CLASSES)
def test_members_are_pooled_first(method):
    several = predictions(members=3, images=120)
    one = calibrated(method, several)
    assert one.members == 1
    torch.testing.assert_close(one.logits, calibrated(method, several.pooled()).logits, atol=1e-6, rtol=1e-6)


def test_two_classes_of_platt_are_one_regression():
    one = predictions(classes=2, temperature=3.0)
    maps = fit_calibration(Calibration(method="platt"), one).maps
    assert maps[0].slope == pytest.approx(maps[1].slope, rel=1e-6)
    assert maps[0].intercept == pytest.approx(-maps[1].intercept, abs=1e-6)


def test_a_temperature_for_each_label_is_that_of_the_label_alone():
    one = label_predictions(temperature=2.5)
    scaled = one.with_logits(one.logits * torch.tensor([1.0, 2.0, 0.2]))
    maps = fit_calibration(Calibration(method="temperature_per_label"), scaled).maps
    for n, each in enumerate(maps):
        alone = type(one)(
            logits=scaled.logits[:, :, n : n + 1],
            targets=scaled.targets[:, n : n + 1],
            image_ids=scaled.image_ids,
            split="calib",
        )
        assert 1 / each.slope == pytest.approx(fit_temperature(alone), rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), method=st.sampled_from(LIKELY), planted=st.floats(0.05, 20))
def test_the_nll_of_the_fitting_split_never_gets_worse(seed, method, planted):
    one = label_predictions(images=40, seed=seed, temperature=planted)
    assert headline(calibrated(method, one))["nll"] <= headline(one)["nll"] + 1e-12


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), planted=st.floats(0.05, 20))
def test_a_temperature_for_each_label_changes_no_decision(seed, planted):
    one = label_predictions(images=40, seed=seed, temperature=planted)
    assert torch.equal(predicted_labels(calibrated("temperature_per_label", one)), predicted_labels(one))


def test_a_label_of_one_outcome_stays_as_it_is_and_is_named():
    network = PlantedLabelNetwork()
    targets = network.predictions("calib").targets.clone()
    targets[:, 1] = 0.0
    network.predictions = lambda split: type(label_predictions())(
        logits=label_predictions(images=120).logits,
        targets=targets,
        image_ids=label_predictions(images=120, split=split).image_ids,
        split=split,
    )
    result = run(Calibration(method="isotonic"), [network])
    same = network.predictions("test").logits[0, :, 1].double()
    assert torch.equal(result.predictions["test"].logits[0, :, 1], same)
    assert any(f"left {LABELS[1]} as the network says" in remark for remark in result.remarks)


def test_few_images_are_named():
    remarks = run(Calibration(method="matrix", regularisation=0.1), [PlantedNetwork()]).remarks
    assert "has 4 x 4 + 4 = 20 parameters and was fitted on 80 calib images" in remarks[0]
    remarks = run(Calibration(method="bbq"), [PlantedNetwork()]).remarks
    assert "fewer than 50 calib images of the rarer outcome" in remarks[0]


def test_without_a_calib_split_val_is_used_and_the_report_says_so():
    result = run(Calibration(method="platt"), [PlantedNetwork(split_spec=Split(calib=0.0))])
    assert "no calib split" in result.remarks[0]
    assert set(result.predictions) == {"val", "test"}


def test_what_is_not_defined_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"'temperature_per_label' is defined for labels .* Use 'vector'"):
        fit_calibration(Calibration(method="temperature_per_label"), predictions())
    with pytest.raises(ValueError, match=r"'matrix' is defined for one class an image.* Use 'platt'"):
        fit_calibration(Calibration(method="matrix"), label_predictions())
    with pytest.raises(ValueError, match=r"fit_calibration\(\) was given the test split, .* optimistic"):
        fit_calibration(Calibration(), predictions(split="test"))


@pytest.mark.parametrize("wrong", [{"bins": 0}, {"regularisation": -1.0}, {"regularisation": float("nan")}])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="of a Calibration is"):
        Calibration(**wrong)


def test_names_tell_settings_apart():
    tasks = [
        *(Calibration(method=method) for method in (*FOR_CLASSES, "temperature_per_label")),
        Calibration(method="histogram", bins=10),
        Calibration(method="histogram", binning="equal_width"),
        Calibration(method="matrix", regularisation=1e9),
    ]
    assert len({task.name for task in tasks}) == len({posthoc_key(task, ["network-0"]) for task in tasks}) == len(tasks)
    assert tasks[-1].name == "matrix_1e09"
    assert all(from_plain(Calibration, to_plain(task)) == task for task in tasks)
