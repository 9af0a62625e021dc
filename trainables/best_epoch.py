"""What chooses the best epoch: a metric of val, such as paper P3's mean recall over the classes that matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainables.metrics import class_names, mean_defined, recalls
from trainables.multilabel import AnyPredictions
from trainables.spec import MEAN_RECALL, Schedule, nearest

MEAN = MEAN_RECALL.removeprefix("val/")


def require_classes(schedule: Schedule, classes: Sequence[str]) -> None:
    """Refuse a rule that names a class that the data set does not have.

    Raises:
        ValueError: with the nearest name.
    """
    for name in schedule.best_classes:
        if name not in classes:
            raise ValueError(
                f"schedule/best_classes names {name!r}, which is no class of this data set. {nearest(name, classes)}"
            )


def recall_metrics(schedule: Schedule, predictions: AnyPredictions, classes: Sequence[str]) -> dict[str, float | None]:
    """What an epoch says of recalls: hits are counted once more, which is nothing beside the pass that made the logits.

    Returns:
        `mean_recall`, the mean over the schedule's `best_classes` (over all without any) where it is defined, None where
        no recall is. Where the best epoch is chosen by recalls also `recall/<class>` of every class.
    """
    found = dict(zip(classes, recalls(predictions), strict=True))
    metrics = {MEAN: mean_defined([found[name] for name in schedule.best_classes or classes])}
    if "recall" in schedule.best_metric:
        metrics |= {f"recall/{clean}": found[name] for clean, name in zip(class_names(classes), classes, strict=True)}
    return metrics


def signed_value(schedule: Schedule, metrics: Mapping[str, float]) -> float:
    """The value that chooses the best epoch, so that less is better.

    Raises:
        ValueError: the epoch did not measure it.
    """
    if schedule.best_metric not in metrics:
        raise ValueError(
            f"schedule/best_metric is {schedule.best_metric!r}, which training does not measure on this val split. It "
            f"measures {', '.join(sorted(name for name in metrics if name.startswith('val/'))) or 'nothing there'}."
        )
    return metrics[schedule.best_metric] * (1 if schedule.best_mode == "min" else -1)
