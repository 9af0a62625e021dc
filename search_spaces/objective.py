"""What a search looks at: a metric on val, and its direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from trainables.spec import MEAN_RECALL, PosthocSpec, nearest

REPORTED = ("accuracy", "macro_f1", "nll", "brier", "ece", "auroc")
MORE_IS_BETTER = ("accuracy", "macro_f1", "mean_recall", "aopc", "auroc")
OF_LABELS = ("val/auroc", "temperature/val/auroc")
"""Measured after every epoch where images have labels that do not exclude each other, and not where they have classes."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A metric to search on, `[task/]val/metric`, and whether more or less of it is better."""

    metric: str
    mode: Literal["min", "max"]

    def better(self, one: float, other: float) -> bool:
        """Whether one value beats the other."""
        return self.signed(one) < self.signed(other)

    def signed(self, value: float) -> float:
        """The value so that less is better."""
        return value if self.mode == "min" else -value


def is_late(metric: str) -> bool:
    """Whether a metric is known only when a trial is complete, and not after every epoch."""
    task = metric.rsplit("/val/", 1)[0] if "/val/" in metric else ""
    return task not in ("", "temperature")


def epoch_metrics() -> list[str]:
    """Metrics that every epoch reports and a search may follow."""
    both = [f"{prefix}val/{name}" for prefix in ("", "temperature/") for name in REPORTED]
    return [*both, MEAN_RECALL]  # a temperature changes no recall


def late_metrics(posthoc: Sequence[PosthocSpec]) -> list[str]:
    """Metrics that a trial computes once, by the sweep's own tasks, when it is complete."""
    fitted = [task for task in posthoc if task.kind in ("calibration", "laplace")]
    after = [f"{task.name}/val/{name}" for task in fitted for name in REPORTED]
    scored = [task for task in posthoc if task.kind == "aopc" and task.split == "val"]
    maps = [
        f"{task.name}/val/aopc" for task in scored if task.order == "most_relevant_first"
    ]  # of the other less is better
    return [*after, *maps]


def usual_mode(metric: str) -> Literal["min", "max"]:
    """The direction in which a metric is better."""
    return "max" if metric.rsplit("/", 1)[-1] in MORE_IS_BETTER else "min"


def require_known(metric: str, posthoc: Sequence[PosthocSpec]) -> None:
    """Refuse a metric that no trial reports, and any on test.

    Raises:
        ValueError: with the nearest valid name.
    """
    if metric.startswith("test/") or "/test/" in metric:
        raise ValueError(
            f"The objective {metric!r} reads test, which would then be no test any more. Search on "
            f"{metric.replace('test/', 'val/')!r}."
        )
    known = [*epoch_metrics(), *late_metrics(posthoc)]
    if metric == "aopc/val/aopc" and metric not in known:
        raise ValueError(
            f"The objective {metric!r} is computed by no task of this sweep: its post-hoc tasks score maps on test, or not at "
            "all. Put Aopc(split='val') into the sweep's posthoc."
        )
    if metric not in known:
        raise ValueError(f"The objective {metric!r} is no metric that a trial reports. {nearest(metric, known)}")


def require_measured(metric: str, *, multilabel: bool) -> None:
    """Refuse a metric that training does not measure on data of that kind.

    Raises:
        ValueError: with a metric that it does.
    """
    if metric in OF_LABELS and not multilabel:
        raise ValueError(
            f"The objective {metric!r} is measured after every epoch only where images have several labels, and these have "
            f"one class. Search on {metric.replace('auroc', 'nll')!r} or {metric.replace('auroc', 'macro_f1')!r}."
        )
