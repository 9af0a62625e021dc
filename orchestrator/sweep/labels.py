"""Which of a sweep's tasks its data allow: some are defined for one class an image only."""

from __future__ import annotations

from dataclasses import replace

from search_spaces.sweep import Sweep
from trainables.spec import Calibration, Conformal, Laplace, PosthocSpec
from trainables.spec.calibration import OF_CLASSES

BRIDGES = ("bridge", "bridge_norm")


def without_class_tasks(sweep: Sweep) -> tuple[Sweep, str]:
    """Leave out the tasks that are not defined for images of several labels.

    Returns:
        The sweep, and a sentence about what was left out, empty if nothing was.

    Raises:
        ValueError: the search is on a metric of such a task.
    """
    dropped = [task.name for task in sweep.posthoc if _for_classes(task)]
    if not dropped:
        return sweep, ""
    kept = tuple(task for task in sweep.posthoc if not _for_classes(task))
    said = (
        f"Left out, because an image may have several labels and they are for one class an image: {', '.join(dropped)}"
    )
    return replace(sweep, posthoc=kept), said


def _for_classes(task: PosthocSpec) -> bool:
    """Prediction sets, and calibrators and predictives of Laplace that sigmoid heads do not have."""
    match task:
        case Conformal():
            return True
        case Calibration():
            return task.method in OF_CLASSES
        case Laplace():
            return task.predictive in BRIDGES
    return False
