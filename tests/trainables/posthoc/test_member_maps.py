from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.trainables.explain.networks import small_classifier
from tests.trainables.posthoc.test_aopc import Network, bright_bars
from trainables.explain.aggregate import aggregate, scaled
from trainables.explain.methods import METHODS, saliency_maps
from trainables.models.classifier import Classifier
from trainables.posthoc import run
from trainables.posthoc.explained import intensities
from trainables.spec import (
    EnsembleMaps,
    McDropout,
    MemberMaps,
    SmallCNN,
    SplitName,
    Synthetic,
    TrialSpec,
    why_undefined,
)
from trainables.spec.maps import MAP_METHODS

WAYS = ("mean", "intersection", "union", "median", "percentile_75", "single")
FEW = {"images": 8, "cells": 4, "angles": (45, 90), "noise": 0.3}


@dataclass
class Explainable(Network):
    """A network that also has features, as a Laplace posterior needs them."""

    def features(self, split: SplitName) -> Tensor:
        with torch.no_grad():
            return self.network.features(intensities(self.image_set, np.arange(len(self.image_set))))


def trained(seed: int) -> Classifier:
    """A network that knows its bars, with dropout in front of the head."""
    torch.manual_seed(seed)
    classifier = small_classifier(pooling="dense", dropout=0.2, seed=seed).train()
    images = bright_bars()
    pixels, targets = intensities(images, np.arange(24)), torch.from_numpy(images.targets)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(classifier(pixels), targets).backward()
        optimizer.step()
    return classifier.eval()


@pytest.fixture(scope="module")
def networks() -> list[Explainable]:
    return [Explainable(trained(seed), bright_bars(), key=f"network-{seed}") for seed in (1, 2, 3)]


@pytest.fixture(scope="module")
def result(networks):
    return run(EnsembleMaps(size=3, **FEW), networks)


def test_maps_of_an_ensemble_are_those_of_its_networks_for_the_class_they_predict_together(networks, result):
    ids = result.details["images"]
    rows = np.array([networks[0].image_set.image_ids.index(name) for name in ids])
    pixels = intensities(networks[0].image_set, rows)
    pooled = sum(each.network.log_probs(pixels).exp() for each in networks) / 3
    assert torch.equal(result.tensors["predicted"], pooled.argmax(1))
    maps = torch.stack([scaled(saliency_maps(each.network, pixels, pooled.argmax(1))) for each in networks])
    shown = [
        int((pixels[:, 0] * 255).round().to(torch.uint8).eq(each).flatten(1).all(1).nonzero())
        for each in result.tensors["shown/pixels"]
    ]
    for way in ("mean", "intersection", "union", "median"):
        torch.testing.assert_close(
            result.tensors[f"shown/aggregated/{way}"].float(), aggregate(maps[:, shown], way), atol=1e-3, rtol=0
        )


def test_every_aggregation_is_scored_under_all_members_together(networks, result):
    for way in WAYS:
        assert result.metrics[f"{way}/test/aopc"] == pytest.approx(
            result.metrics[f"{way}/test/aopc_gain"] + result.metrics["test/aopc_random"]
        )
        assert 0 <= result.metrics[f"{way}/test/energy_inside"] <= 1
    first = result.tensors["mean/curve"][0]
    scored = result.tensors["is_correct"]
    pixels = _pixels(networks[0], result)[scored]
    pooled = sum(each.network.log_probs(pixels).exp() for each in networks) / 3
    assert float(first) == pytest.approx(pooled.detach().amax(1).mean().item(), abs=1e-4)


def test_copies_of_a_network_agree_wholly_and_aggregate_to_its_map(networks):
    copies = [replace(networks[0], key=f"network-{n}") for n in range(3)]
    found = run(EnsembleMaps(size=3, **FEW), copies).metrics
    assert found["test/map_correlation"] >= 0.9  # a map that is the same everywhere correlates with nothing
    assert found["test/map_deviation"] == pytest.approx(0)
    assert found["test/pair_certainty"] == pytest.approx(1, abs=0.2)  # regions of equal relevance stay undecided
    assert len({round(found[f"{way}/test/aopc"], 6) for way in WAYS}) == 1


def test_the_order_of_networks_changes_nothing(networks, result):
    assert run(EnsembleMaps(size=3, **FEW), networks[::-1]).metrics == result.metrics


@pytest.mark.parametrize("over", ["laplace", "mc_dropout"])
def test_members_of_one_network_are_compared_with_it_and_drawn_by_the_seed(networks, over):
    task = MemberMaps(over=over, samples=3, hessian_structure="diag", images=6, cells=2, angles=())
    result = run(task, networks[:1])
    assert 0 < result.metrics["test/correlation_with_trained"] <= 1
    assert result.metrics["test/least_correlation_with_trained"] <= result.metrics["test/correlation_with_trained"]
    assert any("the trained network's" in remark for remark in result.remarks)
    assert result.metrics == run(task, networks[:1]).metrics
    assert result.metrics != run(replace(task, seed=1), networks[:1]).metrics


def test_a_rotated_image_is_predicted_anew_and_its_map_turned_back(networks, result):
    assert result.tensors["angles"].tolist() == [0, 45, 90]
    assert result.metrics["rotated_0/test/accuracy"] == float(result.tensors["is_correct"].double().mean())
    assert -1 <= result.metrics["rotated_90/test/map_correlation"] <= 1
    assert int(result.tensors["rotated/degrees"]) == 45


def test_what_makes_no_sense_is_refused(networks):
    with pytest.raises(ValueError, match="explains nothing"):
        MemberMaps(method="magic")
    with pytest.raises(ValueError, match="2 or more"):
        EnsembleMaps(size=1)
    with pytest.raises(ValueError, match="other classes"):
        run(EnsembleMaps(size=3), [networks[0], replace(networks[1], classes=("a", "b", "c", "e"))])
    with pytest.raises(ValueError, match="its size is 2"):
        run(EnsembleMaps(size=2), networks)


def test_networks_without_dropout_are_left_out_of_its_maps():
    spec = TrialSpec(data=Synthetic(), model=SmallCNN(dropout=0.0))
    assert why_undefined(MemberMaps(over="mc_dropout"), spec) == why_undefined(McDropout(), spec) != ""
    assert why_undefined(MemberMaps(over="laplace"), spec) == ""


def test_the_names_of_methods_are_those_that_there_are():
    assert set(MAP_METHODS) == set(METHODS)


def _pixels(network, result):
    rows = np.array([network.image_set.image_ids.index(name) for name in result.details["images"]])
    return intensities(network.image_set, rows)


def test_flat_maps_are_left_out_of_correlations_and_told(networks):
    silent = replace(networks[0], key="network-9", network=trained(9))
    with torch.no_grad():
        silent.network.head.weight *= 0  # nothing speaks for any class: Grad-CAM is 0 everywhere
    result = run(EnsembleMaps(size=3, **FEW), [networks[1], networks[2], silent])
    alone = run(EnsembleMaps(size=3, **FEW), [networks[1], networks[2]])
    assert torch.isfinite(result.tensors["map_correlation"]).any()
    assert any("have one value everywhere" in remark for remark in result.remarks)
    if torch.equal(result.tensors["predicted"], alone.tensors["predicted"]):
        torch.testing.assert_close(result.tensors["map_correlation"], alone.tensors["map_correlation"], equal_nan=True)
    none = run(EnsembleMaps(size=3, **FEW), [silent, replace(silent, key="network-8")])
    assert none.metrics["test/map_correlation"] is None
    assert none.metrics["rotated_45/test/map_correlation"] is None
