import math
import statistics

import pytest
import torch

from tests.trainables.planted import CLASSES, ids, predictions
from tests.trainables.planted_labels import LABELS, label_predictions
from trainables.metrics import evaluate
from trainables.metrics.bootstrap import drawn_weights, headline_intervals, mean_and_error, paired_intervals
from trainables.metrics.weighted import weighted_headline
from trainables.predictions import Predictions

NAMES = ("accuracy", "macro_f1", "nll", "brier", "ece", "auroc")


def repeated(one, counts):
    """The same images, each as often as drawn: what a bootstrap means, literally."""
    rows = [row for row, count in enumerate(counts) for _ in range(int(count))]
    return type(one)(
        logits=one.logits[:, rows], targets=one.targets[rows], image_ids=ids(one.split, len(rows)), split=one.split
    )


@pytest.mark.parametrize("make", [predictions, label_predictions])
@pytest.mark.parametrize("members", [1, 3])
def test_weighted_metrics_are_those_of_the_images_drawn_so_often(make, members):
    names = CLASSES if make is predictions else LABELS
    one = make(images=50, members=members, temperature=2.0)
    one = one.with_logits((one.logits * 2).round() / 2)  # with ties
    groups = [f"patient {n // 3}" for n in range(50)]
    weights = torch.cat([torch.ones(1, 50, dtype=torch.float64), *drawn_weights(groups, 5, seed=1)])
    found = weighted_headline(one, weights)
    for row, counts in enumerate(weights):
        slow = evaluate(repeated(one, counts.tolist()), names)
        assert {name: float(found[name][row]) for name in NAMES} == pytest.approx({name: slow[name] for name in NAMES})


def test_whole_patients_are_drawn_and_the_draws_are_fixed_by_the_seed(monkeypatch):
    groups = ["a", "b", "a", "c", "b", "a"]
    weights = torch.cat(list(drawn_weights(groups, 40, seed=3)))
    assert torch.equal(weights[:, 0], weights[:, 2])
    assert torch.equal(weights[:, 1], weights[:, 4])
    assert (weights[:, 0] + weights[:, 1] + weights[:, 3] == 3).all()  # as many patients as there are
    assert torch.equal(weights, torch.cat(list(drawn_weights(groups, 40, seed=3))))
    monkeypatch.setattr("trainables.metrics.bootstrap.MOST_WEIGHTS", 60)
    blocks = list(drawn_weights(groups, 40, seed=3))
    assert [len(block) for block in blocks] == [10] * 4
    assert torch.equal(torch.cat(blocks), weights)


def test_the_interval_of_an_accuracy_is_that_of_the_binomial_distribution():
    one = predictions(images=400, seed=2)
    found = headline_intervals(one, one.image_ids, resamples=4000)["accuracy"]
    assert found.value == pytest.approx(evaluate(one, CLASSES)["accuracy"])
    half = 1.96 * math.sqrt(found.value * (1 - found.value) / 400)
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=0.006)


def test_doubling_every_image_of_a_patient_changes_no_interval_over_patients():
    one = predictions(images=60, seed=7)
    twice = Predictions(
        logits=one.logits.repeat(1, 2, 1), targets=one.targets.repeat(2), image_ids=ids("calib", 120), split="calib"
    )
    alone, doubled = headline_intervals(one, one.image_ids), headline_intervals(twice, one.image_ids * 2)
    assert doubled["nll"].low == pytest.approx(alone["nll"].low)
    assert doubled["nll"].high == pytest.approx(alone["nll"].high)


@pytest.mark.parametrize("make", [predictions, label_predictions])
def test_intervals_cover_the_true_value_as_often_as_they_say(make):
    truth = float(weighted_headline(make(images=40_000, seed=99), torch.ones(1, 40_000, dtype=torch.float64))["nll"])
    covered = 0
    for seed in range(20):
        one = make(images=100, seed=seed)
        found = headline_intervals(one, one.image_ids, resamples=100)["nll"]
        covered += found.low <= truth <= found.high
    assert covered >= 15  # of Binomial(20, 0.95) below 15 has a probability below 0.0003


def test_pairs_are_judged_on_the_same_draws():
    one = predictions(images=200, temperature=2.0, seed=1)
    same = paired_intervals(one, one, one.image_ids)
    assert all((each.value, each.low, each.high) == (0, 0, 0) for each in same.values())
    better = one.with_logits(one.logits / 2)
    paired = paired_intervals(better, one, one.image_ids)["nll"]
    alone = headline_intervals(one, one.image_ids)["nll"]
    assert paired.value < 0
    assert paired.excludes_zero
    assert paired.high - paired.low < alone.high - alone.low


def test_pairs_about_other_images_and_wrong_groups_are_refused():
    one, other = predictions(images=20), predictions(images=20, split="test")
    with pytest.raises(ValueError, match="not about the same images in the same order"):
        paired_intervals(one, other, one.image_ids)
    with pytest.raises(ValueError, match="3 groups for predictions of 20 images"):
        headline_intervals(one, ("a", "b", "c"))


def test_what_is_not_defined_has_no_interval():
    nothing = label_predictions(images=12, unknown=1.1)
    assert headline_intervals(nothing, nothing.image_ids, resamples=20) == {}
    one = Predictions(
        logits=torch.randn(1, 12, 2), targets=torch.zeros(12, dtype=torch.long), image_ids=ids("test", 12), split="test"
    )
    assert "auroc" not in headline_intervals(one, one.image_ids, resamples=20)


def test_the_standard_error_over_seeds():
    values = [0.8, 0.9, 0.85]
    mean, error = mean_and_error(values)
    assert (mean, error) == pytest.approx((0.85, statistics.stdev(values) / math.sqrt(3)))
    assert mean_and_error([0.7]) == (0.7, None)
    with pytest.raises(ValueError, match="no values"):
        mean_and_error([])
