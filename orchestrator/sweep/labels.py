"""Which of a sweep's tasks its data allow: some are defined for one class an image only."""

from __future__ import annotations

from dataclasses import replace

from search_spaces.sweep import Sweep
from trainables.spec import Aopc, AttentiveMaps, Calibration, Laplace, PosthocSpec
from trainables.spec.calibration import OF_CLASSES

FOR_CLASSES = (Laplace, Aopc, AttentiveMaps)


def without_class_tasks(sweep: Sweep) -> tuple[Sweep, str]:
    """Leave out the tasks that are not defined for images of several labels.

    Returns:
        The sweep, and a sentence about what was left out, empty if nothing was.

    Raises:
        ValueError: the search is on a metric of such a task.
    """
    dropped = [task.name for task in sweep.posthoc if _is_for_classes(task)]
    if not dropped:
        return sweep, ""
    kept = tuple(task for task in sweep.posthoc if not _is_for_classes(task))
    said = (
        f"Left out, because an image may have several labels and they are for one class an image: {', '.join(dropped)}"
    )
    return replace(sweep, posthoc=kept), said


def _is_for_classes(task: PosthocSpec) -> bool:
    return isinstance(task, FOR_CLASSES) or (isinstance(task, Calibration) and task.method in OF_CLASSES)
