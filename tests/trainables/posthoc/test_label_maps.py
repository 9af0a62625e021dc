"""Maps of members, and attentive maps, where an image has several labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.trainables.explain.networks import small_classifier
from tests.trainables.posthoc.test_aopc_options import LabelNetwork, centred, labelled
from trainables.explain.aggregate import scaled
from trainables.explain.methods import saliency_maps
from trainables.posthoc import run
from trainables.posthoc.explained import intensities
from trainables.spec import Aopc, AttentiveMaps, EnsembleMaps, MemberMaps, SplitName

FEW = {"images": 12, "cells": 4, "angles": (45,)}


@dataclass
class Explainable(LabelNetwork):
    """A network of labels that also has features."""

    def features(self, split: SplitName) -> Tensor:
        with torch.no_grad():
            return self.network.features(intensities(self.image_set, np.arange(len(self.image_set))))


def networks(count: int = 3) -> list[Explainable]:
    made = []
    for number in range(count):
        one = centred(labelled(), seed=number)
        with torch.no_grad():
            one.network.head.bias += 0.25
        made.append(Explainable(one.network, one.image_set, key=f"network-{number}"))
    return made


def rows_of(network: Explainable, ids: Sequence[str]) -> np.ndarray:
    return np.array([network.image_set.image_ids.index(name) for name in ids])


@pytest.mark.parametrize("method", ["grad_cam", "rise"])
def test_maps_are_of_the_label_that_the_members_predict_together(method: str) -> None:
    members = networks()
    result = run(EnsembleMaps(size=3, method=method, **FEW), members)
    pixels = intensities(members[0].image_set, rows_of(members[0], result.details["images"]))
    with torch.no_grad():
        probability = torch.stack([torch.sigmoid(each.network(pixels)) for each in members]).mean(0)
    assert torch.equal(result.tensors["predicted"], probability.argmax(1))
    assert (probability.amax(1) > 0.5).all()
    maps = torch.stack(
        [scaled(saliency_maps(e.network, pixels, probability.argmax(1), method, of_labels=True)) for e in members]
    )
    assert result.details["members"] == 3
    left_out = 12 - len(pixels)
    assert any(f"predict no label in {left_out} of 12" in remark for remark in result.remarks) == (left_out > 0)
    shown = [
        int((pixels[:, 0] * 255).round().to(torch.uint8).eq(each).flatten(1).all(1).nonzero())
        for each in result.tensors["shown/pixels"]
    ]
    torch.testing.assert_close(result.tensors["shown/aggregated/mean"].float(), maps.mean(0)[shown], atol=1e-3, rtol=0)


def test_an_image_is_right_where_the_explained_label_is_present() -> None:
    members = networks()
    result = run(EnsembleMaps(size=3, **FEW), members)
    rows = rows_of(members[0], result.details["images"])
    truth = np.nan_to_num(members[0].image_set.targets[rows])
    said = result.tensors["predicted"].numpy()
    present = truth[np.arange(len(rows)), said] > 0.5
    assert result.tensors["is_correct"].numpy().tolist() == present.tolist()
    assert result.metrics["test/scored_images"] == present.sum()


def test_laplace_samples_of_labels_have_maps_and_agree_with_the_network() -> None:
    (network,) = networks(1)
    result = run(MemberMaps(over="laplace", samples=5, **FEW), [network])
    assert result.details["members"] == 5
    assert 0.5 < result.metrics["test/correlation_with_trained"] <= 1


def test_a_network_that_predicts_no_label_is_not_explained_and_nothing_fails() -> None:
    (network,) = networks(1)
    with torch.no_grad():
        network.network.head.bias -= 100
    result = run(EnsembleMaps(size=2, **FEW), [network, replace(network, key="network-9")])
    assert result.metrics["test/scored_images"] == 0
    assert any("predict no label in 12 of 12" in remark for remark in result.remarks)


def test_attentive_maps_of_labels_show_images_that_have_one() -> None:
    network = LabelNetwork(small_classifier(seed=2), labelled())
    result = run(AttentiveMaps(images=6, units=4, shown=(2,)), [network])
    rows, targets = result.tensors["gallery/rows"].numpy(), result.tensors["gallery/targets"].numpy()
    truth = np.nan_to_num(network.image_set.targets[rows])
    assert (truth[np.arange(len(rows)), targets] > 0.5).all()
    assert torch.isfinite(result.tensors["gallery/dominant"]).all()


def test_networks_of_labels_are_compared_on_images_of_which_one_is_present() -> None:
    first, second = networks(2)
    found = [run(Aopc(images=4, cells=4), [each]).tensors for each in (first, second)]
    assert torch.equal(found[0]["compared/ids"], found[1]["compared/ids"])
    assert torch.equal(found[0]["compared/targets"], found[1]["compared/targets"])
    assert len(found[0]["compared/ids"]) == 6
    shown = first.image_set.pixels[found[0]["compared/rows"].numpy()]
    assert torch.equal(found[0]["compared/pixels"], torch.from_numpy(shown.copy()))
