from dataclasses import dataclass

import pytest

from tests.trainables.planted import PlantedNetwork
from trainables.metrics import evaluate, headline
from trainables.posthoc.choice import CHOSEN_ON_VAL, choose, groups_of
from trainables.posthoc.ensemble import run
from trainables.posthoc.temperature import apply_temperature, fit_temperature
from trainables.predictions import join_members
from trainables.spec import Ensemble

GROUP = [PlantedNetwork(key=f"network-{n}", seed=n, overconfidence=1 + n / 2) for n in range(5)]


@dataclass
class WithPatients(PlantedNetwork):
    def patients(self, split):
        return tuple(f"patient-{n // 4}" for n in range(self.images_per_split))


@dataclass
class WithStudies(PlantedNetwork):
    def studies(self, split):
        return tuple(f"study-{n // 2}" for n in range(self.images_per_split))


@pytest.mark.parametrize("metric", ["nll", "accuracy", "auroc"])
def test_the_best_single_member_is_named_by_val(metric):
    best = choose(Ensemble(size=5, metric=metric), GROUP).best
    values = {each.key: evaluate(each.predictions("val"), each.classes)[metric] for each in GROUP}
    assert values[best.key] == (min if metric == "nll" else max)(values.values())


def test_the_gain_is_the_difference_to_the_best_member_as_it_is_and_calibrated():
    result = run(Ensemble(size=5), GROUP)
    best = next(each for each in GROUP if each.key == result.details["best_member"])
    alone = headline(best.predictions("test"))
    assert result.metrics["test/nll_gain"] == pytest.approx(alone["nll"] - result.metrics["test/nll"])
    assert result.metrics["test/accuracy_gain"] == pytest.approx(result.metrics["test/accuracy"] - alone["accuracy"])
    calibrated = apply_temperature(best.predictions("test"), fit_temperature(best.predictions("calib")))
    expected = headline(calibrated)["ece"] - result.metrics["temperature/test/ece"]
    assert result.metrics["temperature/test/ece_gain"] == pytest.approx(expected)


def test_members_that_are_calibrated_first_are_pooled_under_their_own_temperatures():
    result = run(Ensemble(size=5), GROUP)
    fitted = [fit_temperature(each.predictions("calib")) for each in GROUP]
    assert result.tensors["calibrated_members/temperatures"].tolist() == fitted
    parts = [apply_temperature(each.predictions("test"), t) for each, t in zip(GROUP, fitted, strict=True)]
    expected = headline(join_members(parts).pooled())
    assert result.metrics["calibrated_members/test/nll"] == pytest.approx(expected["nll"])


def test_patients_are_resampled_where_they_are_known_else_studies_else_images():
    for network, count, noun in (
        (WithPatients(), 20, "patients"),
        (WithStudies(), 40, "studies"),
        (GROUP[0], 80, "images"),
    ):
        groups, found = groups_of(network, "test")
        assert (len(groups), len(set(groups)), found) == (80, count, noun)
    assert (
        run(Ensemble(), [WithPatients(), WithPatients(key="network-1", seed=1)]).details["resampled"] == "20 patients"
    )


def test_only_seeds_were_not_chosen_among_others_on_val():
    said = {how: choose(Ensemble(members=how, size=5), GROUP).remarks for how in ("seeds", "top", "greedy", "diverse")}
    assert said == {"seeds": (), "top": (CHOSEN_ON_VAL,), "greedy": (CHOSEN_ON_VAL,), "diverse": (CHOSEN_ON_VAL,)}


@pytest.mark.parametrize("wrong", [{"size": 0}, {"draws": 0}, {"sizes": (2, 0)}, {"diversity": -0.1}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="Ensemble got"):
        Ensemble(**wrong)


def test_names_tell_metric_and_task():
    assert Ensemble(members="greedy", size=9, metric="auroc", of="laplace_kron").name == (
        "ensemble_greedy_9_auroc_of_laplace_kron"
    )
