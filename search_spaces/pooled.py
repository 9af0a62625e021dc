"""What ensembles of a sweep need of its other tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from trainables.spec import Aopc, AttentiveMaps, Ensemble, Evaluation, NetworkTask, PixelBaseline, PosthocSpec, nearest


def require_ensembles(posthoc: Sequence[PosthocSpec]) -> None:
    """Refuse ensembles of a task that the sweep has not, and two ensembles of one name.

    Raises:
        ValueError: see above.
    """
    ensembles = [task for task in posthoc if isinstance(task, Ensemble)]
    of_networks = [task for task in posthoc if not isinstance(task, Ensemble | PixelBaseline)]
    for task in ensembles:
        if task.of:
            require_pooled(task, of_networks)
    doubled = [name for name, count in Counter(task.name for task in dict.fromkeys(ensembles)).items() if count > 1]
    if doubled:
        raise ValueError(
            f"posthoc: several ensembles are called {', '.join(doubled)}, and each would take the other's place. Give "
            "them other sizes, or keep one of them."
        )


def require_pooled(ensemble: Ensemble, tasks: Iterable[NetworkTask]) -> NetworkTask:
    """The task whose predictions an ensemble pools.

    Raises:
        ValueError: there is none of that name.
    """
    by_name = {task.name: task for task in tasks if not isinstance(task, Evaluation | Aopc | AttentiveMaps)}
    if ensemble.of not in by_name:
        known = nearest(ensemble.of, by_name) if by_name else "The sweep has no such task."
        raise ValueError(
            f"posthoc: {ensemble.name} pools the predictions of the task {ensemble.of!r}, which is not among the sweep's. "
            f"{known} Add the task to posthoc, or leave out `of` for the networks' own predictions."
        )
    return by_name[ensemble.of]
