import numpy as np
import pytest
import torch

from tests.trainables.planted import predictions
from tests.trainables.planted_labels import label_predictions
from trainables.metrics import evaluate
from trainables.posthoc.paired import improvements, paired_difference, resampled, statistics_of

METRICS = ("accuracy", "auroc", "nll", "ece")


def rows(of, places):
    """The images of a resample as images of their own."""
    ids = tuple(f"drawn-{n}" for n in range(len(places)))
    return type(of)(logits=of.logits[:, places], targets=of.targets[places], image_ids=ids, split=of.split)


@pytest.mark.parametrize("make", [predictions, label_predictions])
@pytest.mark.parametrize("metric", METRICS)
def test_a_statistic_of_drawn_images_is_the_metric_of_these_images(make, metric):
    of = make(images=60)
    of = of.with_logits((of.logits * 4).round() / 4)  # ties
    names = [str(n) for n in range(of.logits.shape[2])]
    statistic = statistics_of(of)[metric]
    groups = [f"patient-{n // 3}" for n in range(60)]
    for weights in torch.cat(list(resampled(groups, 4, seed=1))):
        places = torch.repeat_interleave(torch.arange(60), weights.long())
        expected = evaluate(rows(of, places), names)[metric]
        assert float(statistic(weights[None])[0]) == pytest.approx(expected, abs=1e-12)


def test_groups_are_drawn_whole_and_as_many_as_there_are():
    groups = ["b", "a", "b", "c", "a"]
    (weights,) = resampled(groups, 50, seed=0)
    assert torch.equal(weights[:, 0], weights[:, 2])
    assert torch.equal(weights[:, 1], weights[:, 4])
    assert torch.equal(weights[:, 0] + weights[:, 1] + weights[:, 3], torch.full((50,), 3.0).double())


def test_the_interval_is_that_of_a_slow_loop_over_the_same_draws():
    one, other = predictions(seed=1, images=90), predictions(seed=1, images=90, temperature=3.0)
    groups = [f"patient-{n // 2}" for n in range(90)]
    losses = [-each.pooled_log_probs().gather(1, each.targets[:, None])[:, 0].numpy() for each in (other, one)]
    slow = [
        float(np.average(losses[0], weights=weights) - np.average(losses[1], weights=weights))
        for weights in torch.cat(list(resampled(groups, 300, seed=0))).numpy()
    ]
    found = paired_difference(statistics_of(other)["nll"], statistics_of(one)["nll"], groups, resamples=300)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, (0.025, 0.975))))
    assert found.value == pytest.approx(losses[0].mean() - losses[1].mean())


def test_the_interval_of_a_mean_has_its_normal_width():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(400, generator=generator, dtype=torch.float64)
    found = paired_difference(
        lambda weights: weights @ values / weights.sum(1),
        lambda weights: torch.zeros(len(weights), dtype=torch.float64),
        [str(n) for n in range(400)],
        resamples=4000,
    )
    width = 2 * 1.96 * float(values.std()) / 20
    assert found.high - found.low == pytest.approx(width, rel=0.06)


@pytest.mark.parametrize("make", [predictions, label_predictions])
def test_a_better_prediction_gains_above_0_and_itself_nothing(make):
    good, worse = make(seed=5), make(seed=5, temperature=6.0)
    gains = improvements(good, worse, good.image_ids)
    assert gains["nll_gain/low"] > 0
    assert gains["ece_gain"] > 0
    assert gains["accuracy_gain"] == 0
    assert set(improvements(good, good, good.image_ids).values()) == {0.0}


def test_few_groups_give_no_interval():
    good = predictions(images=20)
    gains = improvements(good, good, ["a"] * 10 + ["b"] * 10)
    assert gains["nll_gain"] == 0
    assert gains["nll_gain/low"] is None


def test_what_is_not_defined_has_no_gain():
    one = predictions(images=30)
    absent = type(one)(
        logits=one.logits, targets=torch.zeros(30, dtype=torch.int64), image_ids=one.image_ids, split="test"
    )
    assert improvements(absent, absent, one.image_ids)["auroc_gain"] is None
