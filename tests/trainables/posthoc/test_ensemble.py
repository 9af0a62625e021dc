from dataclasses import replace

import pytest
import torch

from tests.trainables.planted import PlantedNetwork
from trainables.metrics import evaluate, headline
from trainables.posthoc import evaluation, temperature
from trainables.posthoc.ensemble import run
from trainables.posthoc.temperature import apply_temperature, fit_temperature
from trainables.predictions import Predictions
from trainables.spec import Ensemble, Evaluation, Split, Temperature


def members(count):
    return [PlantedNetwork(key=f"network-{n}", seed=n) for n in range(1, count + 1)]


@pytest.mark.parametrize("size", [1, 4])
def test_an_ensemble_of_copies_equals_the_member(size):
    member = PlantedNetwork(overconfidence=3.0)
    copies = [replace(member, key=f"network-{n}") for n in range(size)]
    metrics = run(Ensemble(), copies).metrics
    alone = evaluation.run(Evaluation(), member).metrics
    calibrated = temperature.run(Temperature(), member).metrics
    assert {name: metrics[name] for name in alone} == pytest.approx(alone)
    assert {name: metrics[f"temperature/{name}"] for name in calibrated} == pytest.approx(calibrated)


def test_probabilities_are_averaged_and_then_calibrated_on_calib():
    group = members(3)
    result = run(Ensemble(), group)
    rows = [torch.softmax(member.predictions("test").logits[0].double(), -1) for member in group]
    pooled = torch.stack(rows).mean(0)
    torch.testing.assert_close(result.predictions["test"].pooled_log_probs().exp(), pooled)
    fitted = fit_temperature(result.predictions["calib"])
    assert result.metrics["temperature/calib/temperature"] == fitted
    expected = apply_temperature(result.predictions["test"], fitted)
    torch.testing.assert_close(result.predictions["temperature/test"].logits, expected.logits)
    assert result.metrics["temperature/test/nll"] == evaluate(expected, group[0].classes)["nll"]


def test_the_order_of_members_changes_nothing():
    group = members(3)
    one, other = run(Ensemble(), group), run(Ensemble(), group[::-1])
    assert one.metrics == other.metrics
    assert torch.equal(one.predictions["val"].logits, other.predictions["val"].logits)


def test_what_members_do_not_agree_on_is_kept_by_image():
    result = run(Ensemble(), members(4))
    for split in ("val", "calib", "test"):
        for name in ("entropy", "mutual_information", "disagreement"):
            assert result.tensors[f"{name}/{split}"].shape == (80,)
    assert result.tensors["mutual_information/test"].max() > 0.01


def test_an_ensemble_is_no_worse_than_its_members_on_average():
    group = members(4)
    pooled = run(Ensemble(), group).metrics["test/nll"]
    assert pooled <= sum(headline(member.predictions("test"))["nll"] for member in group) / 4


def test_members_of_other_images_are_refused():
    class Other(PlantedNetwork):
        def predictions(self, split):
            one = super().predictions(split)
            return Predictions(logits=one.logits, targets=one.targets, image_ids=one.image_ids[::-1], split=one.split)

    with pytest.raises(ValueError, match="same images in the same order"):
        run(Ensemble(), [PlantedNetwork(key="network-a"), Other(key="network-b")])


def test_members_with_other_classes_are_refused():
    group = [PlantedNetwork(key="network-a"), PlantedNetwork(key="network-b", classes=("a", "b", "c", "d"))]
    with pytest.raises(ValueError, match="network-b knows a, b, c, d"):
        run(Ensemble(), group)


@pytest.mark.parametrize(("count", "message"), [(0, "no members"), (5, "5 members and its size is 4")])
def test_no_members_and_too_many_are_refused(count, message):
    with pytest.raises(ValueError, match=message):
        run(Ensemble(size=4), members(count))


def test_without_a_calib_split_val_is_used_and_the_report_says_so():
    result = run(Ensemble(), [replace(member, split_spec=Split(calib=0.0)) for member in members(2)])
    assert "no calib split" in result.remarks[0]
    assert result.metrics["temperature/calib/temperature"] == fit_temperature(result.predictions["val"])
