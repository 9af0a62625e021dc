import math

import pytest
import torch

from tests.trainables.planted import ids, predictions
from tests.trainables.planted_labels import LABELS, PlantedLabelNetwork
from trainables.metrics import evaluate
from trainables.multilabel import MultiLabelPredictions
from trainables.posthoc import run
from trainables.predictions import Predictions
from trainables.spec import Evaluation
from trainables.studies import pool_studies, study_metrics


def of_probabilities(rows, targets):
    """Predictions of one member with these probabilities."""
    logits = torch.tensor(rows, dtype=torch.float64).log()[None]
    return Predictions(logits=logits, targets=torch.tensor(targets), image_ids=ids("test", len(rows)), split="test")


def test_the_images_of_a_study_are_averaged():
    images = of_probabilities([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.5, 0.5]], [0, 1, 0, 1])
    pooled, left_out = pool_studies(images, ["b", "a", "b", "a"])
    assert left_out == 0
    assert pooled.image_ids == ("a", "b")
    assert pooled.targets.tolist() == [1, 0]
    torch.testing.assert_close(
        pooled.pooled_log_probs().exp(), torch.tensor([[0.35, 0.65], [0.6, 0.4]], dtype=torch.float64)
    )
    metrics, remarks = study_metrics(images, ["b", "a", "b", "a"], ("no", "yes"))
    assert metrics["test/study_accuracy"] == 1.0
    assert metrics["test/study_auroc"] == 1.0
    assert metrics["test/study_nll"] == pytest.approx(-(math.log(0.65) + math.log(0.6)) / 2)
    assert not remarks
    assert not any("/" in name.removeprefix("test/") for name in metrics)


def test_a_study_of_several_classes_is_left_out_and_told_of():
    images = of_probabilities([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]], [0, 1, 1])
    pooled, left_out = pool_studies(images, ["a", "a", "b"])
    assert (pooled.image_ids, left_out) == (("b",), 1)
    metrics, remarks = study_metrics(images, ["a", "a", "b"], ("no", "yes"))
    assert metrics["test/study_accuracy"] == 1.0
    assert remarks[0].startswith("1 of 2 studies on test")
    metrics, remarks = study_metrics(images, ["a", "a", "a"], ("no", "yes"))
    assert metrics == {}
    assert remarks[0].startswith("1 of 1 studies")


def test_members_are_pooled_after_their_studies():
    many = predictions(members=3, images=40, classes=2)
    same = Predictions(
        logits=many.logits, targets=torch.arange(40) // 4 % 2, image_ids=many.image_ids, split=many.split
    )
    pooled, _ = pool_studies(same, [f"study-{n // 4:02d}" for n in range(40)])
    slow = torch.softmax(many.logits.double(), -1).reshape(3, 10, 4, 2).mean(2)
    torch.testing.assert_close(pooled.log_probs().exp(), slow)
    torch.testing.assert_close(pooled.pooled_log_probs().exp(), slow.mean(0))


def test_a_study_has_a_label_that_any_of_its_images_has():
    nan = math.nan
    images = MultiLabelPredictions(
        logits=torch.tensor([[[0.0, 2.0], [1.0, -2.0], [0.5, 0.5]]]),
        targets=torch.tensor([[0.0, nan], [1.0, nan], [nan, 0.0]]),
        image_ids=("x", "y", "z"),
        split="test",
    )
    pooled, left_out = pool_studies(images, ["a", "a", "b"])
    assert left_out == 0
    assert torch.equal(pooled.targets.nan_to_num(-1), torch.tensor([[1.0, -1.0], [-1.0, 0.0]]))
    slow = torch.sigmoid(images.logits.double())[0]
    wanted = torch.stack([slow[:2].mean(0), slow[2]])
    torch.testing.assert_close(pooled.pooled_log_probs().exp(), wanted)


def test_extreme_logits_stay_finite():
    logits = torch.tensor([[[1e5, -1e5], [1e5, -1e5]]])
    labels = MultiLabelPredictions(logits=logits, targets=torch.zeros(2, 2), image_ids=("x", "y"), split="test")
    classes = Predictions(logits=logits, targets=torch.zeros(2, dtype=torch.int64), image_ids=("x", "y"), split="test")
    for each in (labels, classes):
        pooled, _ = pool_studies(each, ["a", "a"])
        assert torch.isfinite(pooled.logits).all()


def test_studies_of_one_image_each_say_nothing_new():
    one = predictions(images=5)
    assert study_metrics(one, None, "abcd") == ({}, ())
    assert study_metrics(one, list("vwxyz"), "abcd") == ({}, ())
    pooled, _ = pool_studies(one, list("vwxyz"))
    assert evaluate(pooled, "abcd") == pytest.approx(evaluate(one, "abcd"))


def test_another_number_of_studies_is_refused():
    with pytest.raises(ValueError, match="3 studies for predictions of 5 images"):
        pool_studies(predictions(images=5), ["a", "b", "c"])


def test_the_evaluation_reports_studies_where_there_are_any():
    network = PlantedLabelNetwork(of_studies=tuple(f"study-{n // 2}" for n in range(120)))
    metrics = run(Evaluation(), [network]).metrics
    pooled, _ = pool_studies(network.predictions("test"), network.of_studies)
    expected = evaluate(pooled, LABELS)
    for name in ("accuracy", "auroc", "nll", "ece", "auprc"):
        assert metrics[f"test/study_{name}"] == expected[name]
    assert not any("study" in name for name in run(Evaluation(), [PlantedLabelNetwork()]).metrics)
