"""What tasks of a sweep need of each other: names of their own, and predictions to pool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from trainables.spec import (
    Aopc,
    AopcStability,
    AttentiveMaps,
    Ensemble,
    EnsembleMaps,
    Evaluation,
    ExplanationScores,
    MemberMaps,
    NetworkTask,
    PixelBaseline,
    PosthocSpec,
    nearest,
)

WITHOUT_PREDICTIONS = (Evaluation, Aopc, AopcStability, ExplanationScores, MemberMaps, AttentiveMaps)
"""Tasks that leave no predictions of their own to pool."""


def require_ensembles(posthoc: Sequence[PosthocSpec]) -> None:
    """Refuse ensembles of a task that the sweep has not, and two ensembles of one name.

    Raises:
        ValueError: see above.
    """
    ensembles = [task for task in posthoc if isinstance(task, Ensemble)]
    of_networks = [task for task in posthoc if not isinstance(task, Ensemble | EnsembleMaps | PixelBaseline)]
    for task in ensembles:
        if task.of:
            require_pooled(task, of_networks)
    doubled = [name for name, count in Counter(task.name for task in dict.fromkeys(ensembles)).items() if count > 1]
    if doubled:
        raise ValueError(
            f"posthoc: several ensembles are called {', '.join(doubled)}, and each would take the other's place. Give "
            "them other sizes, or keep one of them."
        )


def require_one_convention(posthoc: Sequence[PosthocSpec]) -> None:
    """Refuse two tasks on explanations of one name and split: numbers of two conventions would stand in one column.

    Raises:
        ValueError: see above.
    """
    scored = [task for task in dict.fromkeys(posthoc) if isinstance(task, Aopc | AopcStability | ExplanationScores)]
    counts = Counter((task.name, task.split) for task in scored)
    doubled = [f"{name} on {split}" for (name, split), count in counts.items() if count > 1]
    if doubled:
        raise ValueError(
            f"posthoc: several tasks on explanations are called {', '.join(doubled)}, with other images, regions or noise, so "
            "that their numbers cannot be compared. Keep one of them; AopcStability looks at several regions and noises at once."
        )


def require_pooled(ensemble: Ensemble, tasks: Iterable[NetworkTask]) -> NetworkTask:
    """The task whose predictions an ensemble pools.

    Raises:
        ValueError: there is none of that name.
    """
    by_name = {task.name: task for task in tasks if not isinstance(task, WITHOUT_PREDICTIONS)}
    if ensemble.of not in by_name:
        known = nearest(ensemble.of, by_name) if by_name else "The sweep has no such task."
        raise ValueError(
            f"posthoc: {ensemble.name} pools the predictions of the task {ensemble.of!r}, which is not among the sweep's. "
            f"{known} Add the task to posthoc, or leave out `of` for the networks' own predictions."
        )
    return by_name[ensemble.of]
