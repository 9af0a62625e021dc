from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainables.test_fit import SPEC, easy_images, labelled_images
from trainables.best_epoch import recall_metrics
from trainables.checkpoint import TrainingState
from trainables.data.images import ImageSet
from trainables.fit import Training
from trainables.metrics import evaluate
from trainables.predict import one_pass
from trainables.predictions import Predictions
from trainables.spec import MEAN_RECALL, Schedule

BY_RECALL = Schedule(epochs=6, batch_size=16, best_metric=MEAN_RECALL, best_mode="max")
PLANTED = Predictions(  # recalls 1/2, 1, 0 and no image of the last class
    logits=torch.eye(4)[[0, 1, 1, 1, 0]][None] * 5 - 1,
    targets=torch.tensor([0, 0, 1, 1, 2]),
    image_ids=tuple("abcde"),
    split="val",
)


def three_classes() -> ImageSet:
    """The easy images with some of each class under a third name."""
    images = easy_images()
    targets = np.array(images.targets)
    targets[::5] = 2
    return replace(images, targets=targets, classes=("left", "right", "neither"))


@pytest.mark.parametrize(
    ("classes", "wanted"),
    [((), 0.5), (("covid",), 0.5), (("covid", "normal"), 0.75), (("covid", "viral"), 0.25), (("other",), None)],
)
def test_the_mean_goes_over_the_named_classes_that_val_has(classes: tuple[str, ...], wanted: float | None) -> None:
    schedule = replace(BY_RECALL, best_classes=classes)
    assert recall_metrics(schedule, PLANTED, ("covid", "normal", "viral", "other"))["mean_recall"] == wanted


def test_recalls_by_class_are_those_of_the_evaluation_and_told_where_the_rule_asks_for_them() -> None:
    names = ("covid", "lung/opacity", "normal!", "other")
    told = recall_metrics(BY_RECALL, PLANTED, names)
    wanted = evaluate(PLANTED, names)
    assert {name: value for name, value in wanted.items() if name.startswith("recall/")} == {
        name: value for name, value in told.items() if name.startswith("recall/")
    }
    assert set(recall_metrics(Schedule(), PLANTED, names)) == {"mean_recall"}


def test_the_epoch_with_the_best_mean_recall_of_the_named_classes_is_kept() -> None:
    spec = replace(SPEC, schedule=replace(BY_RECALL, best_classes=("left", "neither")))
    training = Training(spec, three_classes())
    reports = [training.run_epoch() for _ in range(6)]
    means = [report.metrics[MEAN_RECALL] for report in reports]
    by_hand = [(report.metrics["val/recall/left"] + report.metrics["val/recall/neither"]) / 2 for report in reports]
    assert means == pytest.approx(by_hand)
    assert training.best_epoch == means.index(max(means)) + 1
    val, _ = one_pass(training.evaluated, training.val, split="val")
    assert evaluate(val, training.classes)["recall/left"] == reports[-1].metrics["val/recall/left"]


def test_the_recall_of_one_class_may_choose_the_epoch() -> None:
    spec = replace(SPEC, schedule=replace(BY_RECALL, best_metric="val/recall/right"))
    training = Training(spec, three_classes())
    values = [training.run_epoch().metrics["val/recall/right"] for _ in range(6)]
    assert training.best_epoch == values.index(max(values)) + 1


def test_recalls_of_labels_choose_the_epoch_too() -> None:
    schedule = replace(BY_RECALL, best_classes=("left", "upper"))
    training = Training(replace(SPEC, schedule=schedule), labelled_images())
    metrics = training.run_epoch().metrics
    assert metrics[MEAN_RECALL] == pytest.approx((metrics["val/recall/left"] + metrics["val/recall/upper"]) / 2)
    assert "val/recall/unknown" not in metrics


def test_a_training_by_recall_continues_with_its_best_epoch(tmp_path: Path) -> None:
    spec = replace(SPEC, schedule=BY_RECALL)
    whole, first, second = (Training(spec, three_classes()) for _ in range(3))
    told = [whole.run_epoch() for _ in range(6)]
    for _ in range(3):
        first.run_epoch()
    first.state().save(tmp_path)
    second.load(TrainingState.load(tmp_path))
    for before in told[3:]:
        after = second.run_epoch()
        assert (after.metrics, after.best_epoch) == (before.metrics, before.best_epoch)


def test_a_class_that_the_data_lack_is_refused_before_the_first_epoch() -> None:
    schedule = replace(BY_RECALL, best_classes=("rihgt",))
    with pytest.raises(ValueError, match="Did you mean 'right'"):
        Training(replace(SPEC, schedule=schedule), easy_images())


def test_rules_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(ValueError, match="best_mode='max'"):
        Schedule(best_metric=MEAN_RECALL)
    with pytest.raises(ValueError, match="best_classes names left"):
        Schedule(best_classes=("left",))
    with pytest.raises(ValueError, match="once"):
        replace(BY_RECALL, best_classes=("left", "left"))
