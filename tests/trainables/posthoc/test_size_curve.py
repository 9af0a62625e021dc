import itertools
import math
import statistics

import pytest
import torch

from tests.trainables.planted import PlantedNetwork
from tests.trainables.planted_labels import PlantedLabelNetwork
from trainables.metrics import headline, reliability
from trainables.posthoc import size_curve as module
from trainables.posthoc.ensemble import run
from trainables.posthoc.size_curve import random_subsets, spread
from trainables.posthoc.temperature import apply_temperature, fit_temperature
from trainables.predictions import join_members
from trainables.spec import Ensemble

GROUP = [PlantedNetwork(key=f"network-{n}", seed=n, overconfidence=2.0) for n in range(1, 6)]


def curve(sizes=(1, 2, 5, 10), draws=20, group=GROUP):
    return run(Ensemble(size=len(group), sizes=sizes, draws=draws), group)


def test_each_size_is_the_mean_over_its_subsets_by_a_slow_loop():
    metrics = curve().metrics
    for size in (1, 2, 5):
        found = {"test/nll": [], "temperature/test/nll": [], "test/ece_5_bins": []}
        for subset in itertools.combinations(GROUP, size):
            pooled = {s: join_members([each.predictions(s) for each in subset]).pooled() for s in ("calib", "test")}
            after = apply_temperature(pooled["test"], fit_temperature(pooled["calib"]))
            found["test/nll"].append(headline(pooled["test"])["nll"])
            found["temperature/test/nll"].append(headline(after)["nll"])
            found["test/ece_5_bins"].append(reliability(pooled["test"], 5).calibration_error())
        for name, values in found.items():
            assert metrics[f"size_{size}/{name}"] == pytest.approx(statistics.fmean(values))
            if len(values) > 1:
                deviation = statistics.stdev(values)
                assert metrics[f"size_{size}/{name}/sd"] == pytest.approx(deviation)
                assert metrics[f"size_{size}/{name}/se"] == pytest.approx(deviation / math.sqrt(len(values)))


def test_all_members_are_one_subset_and_equal_the_ensemble():
    metrics = curve().metrics
    for name in ("accuracy", "macro_f1", "nll", "ece"):
        assert metrics[f"size_5/test/{name}"] == pytest.approx(metrics[f"test/{name}"])
        assert metrics[f"size_5/temperature/test/{name}"] == pytest.approx(metrics[f"temperature/test/{name}"])
        assert metrics[f"size_5/test/{name}/sd"] is None


def test_sizes_beyond_the_members_are_left_out():
    result = curve(sizes=(2, 10))
    assert result.tensors["sizes"].tolist() == [2]
    assert not any(name.startswith("size_10") for name in result.metrics)
    assert "sizes" not in curve(sizes=(10,)).tensors


def test_blocks_of_subsets_change_nothing(monkeypatch):
    before = curve().metrics
    monkeypatch.setattr(module, "MOST_BYTES", 1)
    assert curve().metrics == before


def test_tensors_hold_every_subset():
    result = curve(sizes=(1, 2), draws=7)
    values = result.tensors["sizes/nll"]
    assert values.shape == (2, 7)
    assert values[0].isnan().sum() == 2  # five members alone
    assert float(values[1].mean()) == pytest.approx(result.metrics["size_2/test/nll"])


def test_subsets_are_distinct_and_drawn_evenly():
    drawn = random_subsets(15, 5, 400, seed=0)
    assert len(set(drawn)) == 400
    assert drawn == random_subsets(15, 5, 400, seed=0) != random_subsets(15, 5, 400, seed=1)
    counts = torch.bincount(torch.tensor(drawn).flatten(), minlength=15)
    assert abs(counts - 400 / 3).max() < 4 * math.sqrt(400 * (1 / 3) * (2 / 3))


def test_the_spread_of_one_is_unknown():
    assert spread(torch.tensor([0.5])) == {"": 0.5, "/sd": None, "/se": None}


def test_several_labels_have_their_area_by_size():
    group = [PlantedLabelNetwork(key=f"network-{n}", seed=n) for n in range(1, 4)]
    metrics = curve(sizes=(1, 2), group=group).metrics
    assert metrics["size_2/test/auroc"] > metrics["size_1/test/auroc"]
    assert "size_2/test/ece_5_bins" in metrics
