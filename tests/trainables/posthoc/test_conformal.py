import math

import pytest
import torch

from tests.trainables.planted import CLASSES, PlantedNetwork, predictions
from tests.trainables.planted_labels import PlantedLabelNetwork
from trainables.posthoc.conformal import draws_of, nonconformity, prediction_sets, run, set_metrics, threshold
from trainables.spec import Conformal, Split

TASKS = [
    Conformal(method="lac"),
    Conformal(method="aps"),
    Conformal(method="aps", randomised=True),
    Conformal(method="raps", penalty=0.05, free_classes=1),
    Conformal(method="raps", randomised=True, penalty=0.2, free_classes=2),
]


def slow_score(task, row, label, u):
    if task.method == "lac":
        return 1 - row[label]
    ranked = sorted(range(len(row)), key=lambda n: -row[n])
    rank = ranked.index(label) + 1
    above = sum(row[n] for n in ranked[: rank - 1])
    score = above + (u * row[label] if task.randomised else row[label])
    return score + (task.penalty * max(0, rank - task.free_classes) if task.method == "raps" else 0.0)


def part(one, rows):
    return type(one)(
        logits=one.logits[:, rows],
        targets=one.targets[rows],
        image_ids=tuple(one.image_ids[n] for n in rows.tolist()),
        split=one.split,
    )


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_scores_threshold_and_sets_are_those_of_a_slow_loop(task):
    one = predictions(images=60, classes=5, temperature=2.0)
    calib, test = part(one, torch.arange(40)), part(one, torch.arange(40, 60))
    sets, limit = prediction_sets(task, calib, test)
    scores = []
    for row, target, u in zip(
        calib.pooled_log_probs().exp().tolist(),
        calib.targets.tolist(),
        draws_of(calib.image_ids, 0).tolist(),
        strict=True,
    ):
        scores.append(slow_score(task, row, target, u))
    place = next(n for n in range(1, 41) if n >= 41 * 0.9)
    assert limit == pytest.approx(sorted(scores)[place - 1])
    rows = zip(test.pooled_log_probs().exp().tolist(), draws_of(test.image_ids, 0).tolist(), strict=True)
    for held, (row, u) in zip(sets.tolist(), rows, strict=True):
        slow = [slow_score(task, row, n, u) <= limit for n in range(5)]
        if task.method != "lac" and not task.randomised:
            slow[row.index(max(row))] = True
        assert held == slow


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_coverage_over_many_exchangeable_splits_is_what_is_promised(task):
    n, m, splits, covered = 60, 40, 80, []
    for seed in range(splits):
        one = predictions(images=n + m, temperature=3.0, seed=seed)  # wrong by far, and covered nevertheless
        sets, _ = prediction_sets(task, part(one, torch.arange(n)), part(one, torch.arange(n, n + m)))
        covered.append(float(sets.gather(1, one.targets[n:, None]).double().mean()))
    exact = math.ceil((n + 1) * 0.9) / (n + 1)
    # one split's coverage: Beta for the threshold, binomial for its m images
    spread = math.sqrt(exact * (1 - exact) * (1 / (n + 2) + 1 / m) / splits)
    mean = sum(covered) / splits
    assert mean >= exact - 4 * spread
    if task.method == "lac" or task.randomised:
        assert mean <= exact + 4 * spread + 1 / (n + 1)


def test_the_threshold_is_a_rank_of_the_scores():
    scores = torch.tensor([0.5, 0.1, 0.4, 0.2, 0.3, 0.6, 0.7, 0.8, 0.9])
    assert threshold(scores, 0.1) == pytest.approx(0.9)
    assert threshold(scores, 0.5) == pytest.approx(0.5)
    assert threshold(scores[:8], 0.1) == math.inf


def test_raps_without_penalty_is_aps_and_a_penalty_makes_sets_smaller_at_the_end():
    p = torch.softmax(torch.randn(30, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64), 1)
    u = torch.rand(30, dtype=torch.float64)
    plain = nonconformity(Conformal(method="aps"), p, u)
    assert torch.equal(nonconformity(Conformal(method="raps", penalty=0.0), p, u), plain)
    dear = nonconformity(Conformal(method="raps", penalty=0.5), p, u)
    assert (dear >= plain).all()
    assert torch.equal(dear.gather(1, p.argmax(1)[:, None]), plain.gather(1, p.argmax(1)[:, None]))


def test_the_metrics_of_sets_count_what_they_say():
    sets = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]], dtype=torch.bool)
    found = set_metrics(sets, torch.tensor([0, 1, 1, 0]), ("a", "b", "c"))
    assert found == {
        "coverage": 0.5,
        "set_size": 1.0,
        "single": 0.5,
        "empty": 0.25,
        "single_accuracy": 0.5,
        "coverage/a": 0.5,
        "coverage/b": 0.5,
        "coverage/c": None,
    }


def test_the_task_fits_on_calib_and_judges_on_test():
    network = PlantedNetwork(images_per_split=200)
    result = run(Conformal(), network)
    assert set(network.asked) == {"calib", "test"}
    assert result.metrics["test/coverage"] == pytest.approx(0.9, abs=0.08)
    assert {f"test/coverage/{name}" for name in CLASSES} <= set(result.metrics)
    assert result.tensors["sets/test"].shape == (200, 4)
    assert result.metrics["test/empty"] == 0.0
    assert not result.remarks


def test_too_small_a_calib_split_is_told():
    result = run(Conformal(alpha=0.01), PlantedNetwork(images_per_split=20, split_spec=Split(calib=0.0)))
    assert result.metrics["calib/threshold"] is None
    assert result.metrics["test/coverage"] == 1.0
    assert "no calib split" in result.remarks[0]
    assert "too few for a coverage of 0.99" in result.remarks[1]


def test_labels_and_images_that_were_fitted_on_are_refused():
    with pytest.raises(ValueError, match="'conformal_raps' is defined for one class an image"):
        run(Conformal(), PlantedLabelNetwork())
    one = predictions(images=20)
    with pytest.raises(ValueError, match="20 images that the threshold is fitted on"):
        prediction_sets(Conformal(), one, one)


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="alpha is a share"):
        Conformal(alpha=1.0)
    with pytest.raises(ValueError, match="penalty=0 is APS"):
        Conformal(penalty=-1.0)
    assert Conformal(method="aps", randomised=True, alpha=0.05).name == "conformal_aps_randomised_0.05"
