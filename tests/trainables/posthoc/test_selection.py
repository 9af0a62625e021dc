import math

import pytest
import torch

from tests.trainables.planted import PlantedNetwork, predictions
from tests.trainables.planted_labels import label_predictions
from trainables.metrics import evaluate, mutual_information
from trainables.posthoc.ensemble import run
from trainables.posthoc.selection import Library, best_place, metric_value, select_diverse, select_greedy
from trainables.predictions import join_members
from trainables.spec import Ensemble


def candidates(make, count=6):
    """Networks of different quality that err on different images."""
    shared = make(members=count, images=120, seed=3, split="val")
    scales = torch.linspace(0.4, 1.6, count)[:, None, None]
    return [shared.with_logits((scales * shared.logits)[n : n + 1]) for n in range(count)]


def value(predictions_, metric):
    names = [str(n) for n in range(predictions_.logits.shape[2])]
    return evaluate(predictions_, names)[metric]


def by_a_slow_loop(library, metric, steps, diversity=None):
    """Picks in order, each by pooling everything anew."""
    picks, values = [], []
    for _ in range(steps):
        scored = []
        for place in range(len(library)):
            if diversity is not None and place in picks:
                continue
            joined = join_members([library[n] for n in [*picks, place]])
            found = value(joined.pooled(), metric)
            loss = found if metric == "nll" else 1 - found
            spread = 0.0 if diversity is None else diversity * float(mutual_information(joined).mean())
            scored.append((loss - spread, place, found))
        best = min(scored, key=lambda each: (round(each[0], 12), each[1]))
        picks.append(best[1])
        values.append(best[2])
    return picks, values


@pytest.mark.parametrize("make", [predictions, label_predictions])
@pytest.mark.parametrize("metric", ["nll", "accuracy", "auroc"])
def test_greedy_picks_what_a_slow_loop_picks(make, metric):
    library = candidates(make)
    picks, values = by_a_slow_loop(library, metric, 5)
    found = select_greedy(Library(library, metric), 5)
    assert list(found.picks) == picks
    assert found.values == pytest.approx(values)
    best = (min if metric == "nll" else max)(found.values)
    assert found.values[found.kept - 1] == pytest.approx(best, abs=1e-12)
    assert all(abs(each - best) > 1e-12 for each in found.values[: found.kept - 1])


@pytest.mark.parametrize("make", [predictions, label_predictions])
@pytest.mark.parametrize("diversity", [0.0, 0.5, 5.0])
def test_diverse_picks_what_a_slow_loop_picks(make, diversity):
    library = candidates(make)
    picks, values = by_a_slow_loop(library, "nll", 4, diversity)
    found = select_diverse(Library(library, "nll"), 4, diversity)
    assert list(found.picks) == picks
    assert found.values == pytest.approx(values)
    joined = join_members([library[n] for n in found.picks])
    assert found.diversity[-1] == pytest.approx(float(mutual_information(joined).mean()))


def test_diversity_buys_disagreement_with_quality():
    library = Library(candidates(predictions), "nll")
    plain, diverse = select_diverse(library, 3, 0.0), select_diverse(library, 3, 20.0)
    assert diverse.diversity[-1] > plain.diversity[-1]
    assert diverse.values[-1] >= plain.values[-1]


def test_a_planted_pair_that_corrects_each_other_is_found():
    """Two networks that each know half of the images, among some that know little of all."""
    targets = torch.arange(40) % 2
    sign = 2.0 * targets - 1
    first = torch.where(torch.arange(40) < 20, 6.0, 0.0) * sign
    second = torch.where(torch.arange(40) < 20, 0.0, 6.0) * sign
    alike = torch.where(torch.arange(40) % 10 == 0, -1.0, 0.5) * sign
    base = predictions(images=40, classes=2, split="val")
    planted = [
        type(base)(
            logits=torch.stack([-column / 2, column / 2], -1)[None],
            targets=targets,
            image_ids=base.image_ids,
            split="val",
        )
        for column in (alike, first, alike, second)
    ]
    assert sorted(set(select_greedy(Library(planted, "nll"), 6).counts)) == [1, 3]


def test_the_task_tells_whom_it_chose_and_pools_them_with_their_counts():
    group = [PlantedNetwork(key=f"network-{n}", seed=n, overconfidence=1 + n / 3) for n in range(6)]
    result = run(Ensemble(members="greedy", size=5), group[::-1])
    details = result.details
    assert [line["kept"] for line in details["selection"]].count(True) == sum(details["chosen"].values())
    assert details["candidates"] == 6
    assert "selected on val" in result.remarks[0]
    rows = [
        weight * torch.softmax(network.predictions("test").logits[0].double(), -1)
        for network in group
        if (weight := details["chosen"].get(network.key, 0))
    ]
    expected = (sum(rows) / sum(details["chosen"].values())).log()
    torch.testing.assert_close(result.predictions["test"].logits[0], expected)
    assert result.metrics["val/nll"] == pytest.approx(min(line["val/nll"] for line in details["selection"]))


def test_two_members_twice_each_are_kept_once_each():
    base = predictions(images=100, seed=5, split="val")
    ids = tuple(f"val/{n}" for n in range(200))
    noise = torch.randn(base.logits.shape, generator=torch.Generator().manual_seed(1))
    halves = (base.logits + noise, base.logits - noise)  # either network is the other one on the other half
    pair = [
        type(base)(logits=torch.cat(order, 1), targets=base.targets.repeat(2), image_ids=ids, split="val")
        for order in (halves, halves[::-1])
    ]
    found = select_greedy(Library(pair, "nll"), 8)
    assert found.kept == 2
    assert dict(found.counts) == {0: 1, 1: 1}


def test_test_takes_no_part_in_the_selection():
    group = [PlantedNetwork(key=f"network-{n}", seed=n) for n in range(4)]
    for network in group:
        network.asked.clear()
    from trainables.posthoc.choice import choose

    choose(Ensemble(members="diverse", size=2), group)
    assert {split for network in group for split in network.asked} == {"val"}


def test_an_undefined_value_is_never_the_best():
    assert best_place([None, 0.4, 0.6], "auroc") == 2
    assert best_place([None, 0.6, 0.4], "nll") == 2
    assert metric_value(predictions(images=3).with_logits(torch.zeros(1, 3, 4)), "nll") == pytest.approx(math.log(4))


def test_no_candidates_and_no_known_labels_are_refused():
    with pytest.raises(ValueError, match="needs a candidate"):
        Library([], "nll")
    with pytest.raises(ValueError, match="No label of val is known"):
        Library([label_predictions(unknown=1.1)], "nll")
