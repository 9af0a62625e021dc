import math

import pytest
import sklearn.metrics as reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainables.planted import ids
from tests.trainables.planted_labels import LABELS, label_predictions
from trainables.metrics import (
    disagreement,
    evaluate,
    headline,
    mutual_information,
    predictive_entropy,
    reliability,
)
from trainables.metrics.multilabel import HEADLINE
from trainables.multilabel import MultiLabelPredictions


def entries(one):
    """Known entries of every label: probability and truth."""
    probabilities = torch.sigmoid(one.logits.double()).mean(0)
    for label in range(one.labels):
        rows = [n for n in range(len(one)) if not math.isnan(one.targets[n, label])]
        yield probabilities[rows, label].numpy(), one.targets[rows, label].double().numpy()


@pytest.mark.parametrize("members", [1, 4])
def test_every_metric_agrees_with_scikit_learn_on_the_known_entries(members):
    one = label_predictions(members=members)
    result, areas, precisions = evaluate(one, LABELS), [], []
    for name, (probability, truth) in zip(LABELS, entries(one), strict=True):
        chosen = probability > 0.5
        areas.append(reference.roc_auc_score(truth, probability))
        precisions.append(reference.average_precision_score(truth, probability))
        assert result[f"recall/{name}"] == pytest.approx(reference.recall_score(truth, chosen))
        assert result[f"precision/{name}"] == pytest.approx(reference.precision_score(truth, chosen))
        assert result[f"auroc/{name}"] == pytest.approx(areas[-1])
        assert result[f"auprc/{name}"] == pytest.approx(precisions[-1])
    assert result["auroc"] == pytest.approx(sum(areas) / 3)
    assert result["auprc"] == pytest.approx(sum(precisions) / 3)
    assert result["macro_f1"] == pytest.approx(sum(reference.f1_score(truth, p > 0.5) for p, truth in entries(one)) / 3)


def test_likelihood_brier_score_and_accuracy_are_those_of_a_slow_loop():
    one = label_predictions(members=2)
    losses, squares, right = [], [], []
    for probabilities, truths in entries(one):
        for p, y in zip(probabilities, truths, strict=True):
            losses.append(-math.log(p if y else 1 - p))
            squares.append((p - y) ** 2)
            right.append((p > 0.5) == (y == 1))
    result = headline(one)
    for name, values in (("nll", losses), ("brier", squares), ("accuracy", right)):
        assert result[name] == pytest.approx(sum(values) / len(values)), name


def test_the_calibration_error_is_the_mean_over_the_labels():
    one = label_predictions(temperature=3.0)
    errors = []
    for probabilities, truths in entries(one):
        error = 0.0
        for bin_ in range(15):
            inside = (probabilities > bin_ / 15) & (probabilities <= (bin_ + 1) / 15)
            if inside.any():
                error += inside.mean() * abs(truths[inside].mean() - probabilities[inside].mean())
        errors.append(error)
    result = evaluate(one, LABELS)
    assert [result[f"ece/{name}"] for name in LABELS] == pytest.approx(errors)
    assert result["ece"] == pytest.approx(sum(errors) / 3)


def test_the_diagram_counts_every_known_entry():
    one = label_predictions()
    curve = reliability(one)
    assert curve.counted == "labels"
    assert int(curve.counts.sum()) == int(one.known().sum())
    filled = curve.counts > 0
    assert float((curve.counts * curve.accuracy)[filled].sum()) == pytest.approx(float(one.targets.nansum()))


def test_a_label_without_both_outcomes_has_no_auroc_and_one_that_nobody_knows_has_nothing():
    one = label_predictions(unknown=0.0)
    targets = one.targets.clone()
    targets[:, 0], targets[:, 1] = 0.0, torch.nan
    part = MultiLabelPredictions(logits=one.logits, targets=targets, image_ids=one.image_ids, split=one.split)
    result = evaluate(part, LABELS)
    assert result["auroc/opacity"] is None
    assert result["auprc/opacity"] is None
    assert result["recall/opacity"] is None
    assert result["ece/opacity"] > 0
    assert result["ece/effusion"] is result["auroc/effusion"] is result["recall/effusion"] is None
    assert result["auroc"] == result["auroc/enlarged heart"]
    known = headline(part)
    assert None not in known.values()


def test_where_nothing_is_known_nothing_is_defined():
    nothing = label_predictions(images=8, unknown=1.1)
    assert set(headline(nothing).values()) == {None}
    assert set(evaluate(nothing, LABELS).values()) == {None}


def test_tied_scores_enter_the_curves_together():
    logits = torch.tensor([[[1.0], [1.0], [1.0], [2.0], [-3.0]]])
    truth = torch.tensor([[1.0], [0], [1], [1], [0]])
    one = MultiLabelPredictions(logits=logits, targets=truth, image_ids=ids("val", 5), split="val")
    result, scores = evaluate(one, ("a",)), logits[0, :, 0].numpy()
    assert result["auprc/a"] == pytest.approx(reference.average_precision_score(truth[:, 0].numpy(), scores))
    assert result["auroc/a"] == pytest.approx(reference.roc_auc_score(truth[:, 0].numpy(), scores))


def test_soft_targets_count_in_the_likelihood():
    one = MultiLabelPredictions(
        logits=torch.tensor([[[0.3, -2.0]]]), targets=torch.tensor([[0.7, 0.55]]), image_ids=("a",), split="train"
    )
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(one.logits[0].double(), one.targets.double())
    assert headline(one)["nll"] == pytest.approx(float(wanted))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), members=st.integers(1, 3))
def test_a_permutation_of_the_images_changes_no_metric(seed, members):
    one = label_predictions(images=60, members=members, seed=seed)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(seed))
    shuffled = MultiLabelPredictions(
        logits=one.logits[:, order],
        targets=one.targets[order],
        image_ids=tuple(one.image_ids[n] for n in order),
        split=one.split,
    )
    assert evaluate(shuffled, LABELS) == pytest.approx(evaluate(one, LABELS), rel=1e-12)


def test_the_headline_is_the_start_of_the_whole():
    one = label_predictions(members=2)
    assert tuple(headline(one)) == HEADLINE
    assert headline(one) == {name: evaluate(one, LABELS)[name] for name in HEADLINE}


def test_another_number_of_names_than_labels_is_refused():
    with pytest.raises(ValueError, match="2 class names for predictions of 3"):
        evaluate(label_predictions(), LABELS[:2])


def test_uncertainty_is_the_sum_over_independent_labels():
    many = label_predictions(images=20, members=3)
    p = torch.sigmoid(many.logits.double())

    def entropy(q):
        return -(q * q.log() + (1 - q) * (1 - q).log()).sum(-1)

    torch.testing.assert_close(predictive_entropy(many), entropy(p.mean(0)))
    torch.testing.assert_close(mutual_information(many), entropy(p.mean(0)) - entropy(p).mean(0))
    other = ((p > 0.5) != (p.mean(0) > 0.5)).double().mean(dim=(0, 2))
    torch.testing.assert_close(disagreement(many), other)


def test_uncertainty_is_finite_where_members_are_certain():
    sure = MultiLabelPredictions(
        logits=torch.tensor([[[1e5, -1e5]], [[-1e5, -1e5]]]), targets=torch.zeros(1, 2), image_ids=("a",), split="val"
    )
    assert float(predictive_entropy(sure)) == pytest.approx(math.log(2))
    assert float(mutual_information(sure)) == pytest.approx(math.log(2))
