import weakref

import pytest
import torch

from tests.trainables.planted import PlantedNetwork, predictions
from tests.trainables.planted_labels import label_predictions
from trainables.metrics import disagreement, mutual_information, predictive_entropy
from trainables.posthoc.ensemble import run
from trainables.posthoc.pooling import RunningPool
from trainables.predictions import Predictions, join_members
from trainables.spec import Ensemble

EXACT = {"rtol": 0, "atol": 1e-12}


def one_by_one(joined, weights=None):
    running = RunningPool()
    for n in range(joined.members):
        running.add(joined.with_logits(joined.logits[n : n + 1]), (weights or [1] * joined.members)[n])
    return running


@pytest.mark.parametrize("make", [predictions, label_predictions])
@pytest.mark.parametrize("members", [1, 2, 7])
def test_one_by_one_equals_stacked(make, members):
    joined = make(members=members, temperature=4.0)
    running = one_by_one(joined)
    torch.testing.assert_close(running.pooled().logits, joined.pooled().logits, **EXACT)
    found = running.uncertainty()
    torch.testing.assert_close(found.entropy, predictive_entropy(joined), **EXACT)
    torch.testing.assert_close(found.mutual_information, mutual_information(joined), **EXACT)
    torch.testing.assert_close(found.disagreement, disagreement(joined), **EXACT)


@pytest.mark.parametrize("make", [predictions, label_predictions])
def test_a_weight_is_a_member_that_comes_so_often(make):
    joined = make(members=3)
    repeated = joined.with_logits(joined.logits[[0, 1, 1, 1, 2, 2]])
    weighted, stacked = one_by_one(joined, [1, 3, 2]), one_by_one(repeated)
    torch.testing.assert_close(weighted.pooled().logits, stacked.pooled().logits, **EXACT)
    for ours, theirs in zip(vars(weighted.uncertainty()).values(), vars(stacked.uncertainty()).values(), strict=True):
        torch.testing.assert_close(ours, theirs, **EXACT)


def test_logits_far_apart_stay_finite():
    joined = predictions(members=3, temperature=400.0)
    assert torch.isfinite(one_by_one(joined).pooled().logits).all()
    assert torch.isfinite(one_by_one(joined).uncertainty().mutual_information).all()


@pytest.mark.parametrize("make", [predictions, label_predictions])
def test_a_network_of_many_samples_weighs_as_much_as_one_of_one(make):
    many, single = make(members=9), make(members=1)
    running = RunningPool()
    running.add(many)
    running.add(single)
    expected = join_members([many.pooled(), single]).pooled()
    torch.testing.assert_close(running.pooled().logits, expected.logits, **EXACT)


def test_other_images_and_no_members_are_refused():
    running = RunningPool()
    with pytest.raises(ValueError, match="has no member"):
        running.pooled()
    running.add(predictions(images=10))
    with pytest.raises(ValueError, match="same images in the same order"):
        running.add(predictions(images=12))


@pytest.mark.parametrize("members", ["seeds", "top"])
def test_memory_does_not_grow_with_the_number_of_members(members):
    """What the members have handed out and is still alive when the next file is read."""

    def most_alive(count):
        handed_out, most = [], 0

        class Watched(PlantedNetwork):
            def predictions(self, split):
                nonlocal most
                found: Predictions = super().predictions(split)
                most = max(most, sum(ref() is not None for ref in handed_out))
                handed_out.append(weakref.ref(found))
                return found

        run(Ensemble(members=members, size=count), [Watched(key=f"network-{n:02d}", seed=n) for n in range(count)])
        return most

    assert most_alive(12) <= most_alive(3) <= 4
