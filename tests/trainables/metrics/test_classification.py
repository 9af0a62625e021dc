import subprocess
import sys

import pytest
import sklearn.metrics as reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainables.planted import CLASSES, ids, predictions
from trainables.metrics import HEADLINE, class_names, evaluate, evaluate_splits, headline, predicted_classes
from trainables.predictions import Predictions


def numpy(one):
    probabilities = one.pooled_log_probs().exp().numpy()
    return probabilities, probabilities.argmax(1), one.targets.numpy()


@pytest.mark.parametrize("members", [1, 4])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_classification_metric_agrees_with_scikit_learn(members, seed):
    one = predictions(members=members, seed=seed)
    probabilities, chosen, truth = numpy(one)
    result = evaluate(one, CLASSES)
    assert result["accuracy"] == pytest.approx(reference.accuracy_score(truth, chosen))
    assert result["macro_f1"] == pytest.approx(reference.f1_score(truth, chosen, average="macro"))
    assert result["auroc"] == pytest.approx(
        reference.roc_auc_score(truth, probabilities, multi_class="ovr", average="macro")
    )
    recalls = reference.recall_score(truth, chosen, average=None)
    precisions = reference.precision_score(truth, chosen, average=None)
    for n, name in enumerate(CLASSES):
        assert result[f"recall/{name}"] == pytest.approx(recalls[n])
        assert result[f"precision/{name}"] == pytest.approx(precisions[n])
        assert result[f"auroc/{name}"] == pytest.approx(reference.roc_auc_score(truth == n, probabilities[:, n]))


def test_auroc_counts_tied_scores_half():
    logits = torch.tensor([[[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 2.0], [0.0, 0.0]]])
    one = Predictions(logits=logits, targets=torch.tensor([1, 0, 1, 1, 0]), image_ids=ids("val", 5), split="val")
    probabilities, _, truth = numpy(one)
    assert evaluate(one, ("no", "yes"))["auroc/yes"] == pytest.approx(
        reference.roc_auc_score(truth, probabilities[:, 1])
    )


def test_an_absent_class_is_missing_and_not_zero():
    one = predictions(images=200)
    rows = torch.nonzero(one.targets != 2)[:, 0]
    part = Predictions(
        logits=one.logits[:, rows], targets=one.targets[rows], image_ids=ids("val", len(rows)), split="val"
    )
    result = evaluate(part, CLASSES)
    assert result["recall/effusion"] is None
    assert result["auroc/effusion"] is None
    assert result["precision/effusion"] == 0.0
    present = [result[f"auroc/{name}"] for name in CLASSES if name != "effusion"]
    assert result["auroc"] == pytest.approx(sum(present) / 3)


def test_a_class_that_is_never_predicted_has_no_precision():
    one = predictions(images=50)
    logits = one.logits.clone()
    logits[..., 1] = -50.0
    result = evaluate(one.with_logits(logits), CLASSES)
    assert result["precision/opacity"] is None
    assert result["recall/opacity"] == 0.0


def test_images_of_a_single_class_have_no_auroc_at_all():
    one = Predictions(
        logits=torch.randn(1, 5, 3), targets=torch.zeros(5, dtype=torch.int64), image_ids=ids("val", 5), split="val"
    )
    assert evaluate(one, ("a", "b", "c"))["auroc"] is None


def test_macro_f1_leaves_out_classes_that_nobody_has_or_predicts():
    logits = torch.tensor([[[3.0, 0, 0], [0, 3.0, 0], [3.0, 0, 0]]])
    one = Predictions(logits=logits, targets=torch.tensor([0, 1, 1]), image_ids=ids("val", 3), split="val")
    _, chosen, truth = numpy(one)
    assert headline(one)["macro_f1"] == pytest.approx(reference.f1_score(truth, chosen, average="macro"))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), members=st.integers(1, 3))
def test_a_permutation_of_the_images_changes_no_metric(seed, members):
    one = predictions(images=60, members=members, seed=seed)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(seed))
    shuffled = Predictions(
        logits=one.logits[:, order],
        targets=one.targets[order],
        image_ids=tuple(one.image_ids[n] for n in order),
        split=one.split,
    )
    assert evaluate(shuffled, CLASSES) == pytest.approx(evaluate(one, CLASSES), rel=1e-12)


def test_the_headline_is_the_start_of_the_whole():
    one = predictions(members=2)
    assert tuple(headline(one)) == HEADLINE
    assert headline(one) == {name: evaluate(one, CLASSES)[name] for name in HEADLINE}


def test_several_splits_are_named_by_split():
    result = evaluate_splits([predictions(split="val"), predictions(split="test", seed=1)], CLASSES)
    assert result["test/nll"] == evaluate(predictions(split="test", seed=1), CLASSES)["nll"]
    assert {name.split("/")[0] for name in result} == {"val", "test"}


def test_class_names_are_made_fit_for_mlflow_and_stay_apart():
    assert class_names(["Viral Pneumonia", "Größe (cm)", "a+b", "a*b", ""]) == [
        "Viral Pneumonia",
        "Gr__e _cm_",
        "a_b_2",
        "a_b_3",
        "_",
    ]


def test_another_number_of_names_than_classes_is_refused():
    with pytest.raises(ValueError, match="3 class names for predictions of 4 classes"):
        evaluate(predictions(), CLASSES[:3])


def test_the_predicted_class_of_one_member_is_read_from_its_logits():
    logits = torch.tensor([[[0.0, 1e-17], [1e-17, 0.0]]], dtype=torch.float64)
    one = Predictions(logits=logits, targets=torch.tensor([0, 0]), image_ids=ids("val", 2), split="val")
    assert predicted_classes(one).tolist() == [1, 0]


def test_metrics_need_nothing_heavier_than_torch():
    code = (
        "import sys, trainables.metrics; print([m for m in ('sklearn', 'scipy', 'torchmetrics') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
