"""The description of a sweep: a page says what an experiment is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from search_spaces.objective import Objective, is_late, require_known
from search_spaces.pooled import require_ensembles, require_one_convention
from search_spaces.schedulers import Asha, HyperBand, MedianStopping, Pbt, Scheduler
from search_spaces.searchers import Searcher
from trainables.spec import (
    Aopc,
    Ensemble,
    Evaluation,
    Laplace,
    PixelBaseline,
    PosthocSpec,
    Synthetic,
    Temperature,
    TrialSpec,
)

if TYPE_CHECKING:
    import optuna

Space: TypeAlias = "Callable[[optuna.trial.BaseTrial], TrialSpec]"

__all__ = [
    "NETWORK_TASKS",
    "Asha",
    "HyperBand",
    "MedianStopping",
    "Pbt",
    "Resources",
    "Space",
    "Sweep",
    "require_objectives",
]

NETWORK_TASKS: tuple[PosthocSpec, ...] = (
    Evaluation(),
    Temperature(),
    Laplace(hessian_structure="diag"),
    Laplace(hessian_structure="kron"),
    Laplace(hessian_structure="full"),
    Aopc(),
)


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a trial asks for. Never part of a key.

    Attributes:
        cpus: CPU cores, and threads, of each worker.
        gpus: GPUs of each worker; of one that trains alone also a share of a GPU.
        workers: processes that split the batches of one trial among them; more than one needs Ray.
        memory_gb: gigabytes of main memory that a worker may take; 0 for no limit. Who wants more tries with smaller
            batches, and fails alone.
        timeout_minutes: a worker that says nothing for so long is ended, and its trial tried again; 0 for never.
        disk_gb: gigabytes that the sweep's networks and their checkpoints may take; 0 for no limit.
        measured: which of `gpus` and `memory_gb` follow from a measurement of the sweep's networks (`auto`).
    """

    cpus: int = 1
    gpus: float = 0.0
    workers: int = 1
    memory_gb: float = 0.0
    timeout_minutes: float = 0.0
    disk_gb: float = 0.0
    measured: tuple[Literal["gpus", "memory_gb"], ...] = ()

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"resources/workers is {self.workers}; a trial has at least 1.")
        if self.workers > 1 and self.gpus != int(self.gpus):
            raise ValueError(
                f"resources/workers is {self.workers} and resources/gpus is {self.gpus:g}: workers of one trial cannot share "
                "a GPU. Give each one whole (--set resources/gpus=1), or none."
            )


@dataclass(frozen=True, kw_only=True)
class Small:
    """How a paper's sweep becomes one that two CPU cores finish in minutes: `--scale small`.

    Attributes:
        change: makes a drawn description smaller: size, epochs, batches. It also gets descriptions of `embedded`.
        embedded: the embedded images that take the place of the data set where no folder is given.
        posthoc: tasks in place of the sweep's, or None to keep those.
        member_seeds: further seeds of the best configuration, at most.
        space: in place of the sweep's, where that has too many points; its points are points of the sweep's.
    """

    change: Callable[[TrialSpec], TrialSpec]
    embedded: Synthetic
    posthoc: tuple[PosthocSpec, ...] | None = None
    member_seeds: int = 0
    space: Space | None = None


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """An experiment: which networks to train, how to choose among them, what to compute on them.

    Attributes:
        name: name of the space.
        space: draws a `TrialSpec`; an ordinary `if` makes a parameter conditional.
        objectives: what to search on; the first one names the best configuration. Several make a Pareto search.
        trials: how many draws; of a grid all of them, unless the user asks for fewer.
        searcher: `tpe`, `random`, `nsga2` for several objectives, `grid` for every point of a finite space, `gp` or `qmc`; see
            `search_spaces.samplers`.
        scheduler: what ends poor trials early (`search_spaces.schedulers`), or None. With several objectives it follows the first one.
        seed: seeds the draws; the training seed stands in each `TrialSpec`.
        member_seeds: the best configuration is trained with so many further seeds.
        posthoc: tasks for completed networks, and ensembles.
        resources: what a trial asks for.
        description: a sentence for `orchestrator list`.
        small: of a paper's sweep, its small sizes.
    """

    name: str
    space: Space
    objectives: tuple[Objective, ...] = (Objective(metric="val/nll", mode="min"),)
    trials: int = 20
    searcher: Searcher = "tpe"
    scheduler: Scheduler | None = None
    seed: int = 0
    member_seeds: int = 3
    posthoc: tuple[PosthocSpec, ...] = field(
        default=(*NETWORK_TASKS, PixelBaseline(), Ensemble(members="seeds", size=4), Ensemble(members="top", size=5))
    )
    resources: Resources = field(default_factory=Resources)
    description: str = ""
    small: Small | None = None

    def __post_init__(self) -> None:
        require_objectives(self.objectives, self.scheduler, self.posthoc)
        require_ensembles(self.posthoc)
        require_one_convention(self.posthoc)
        if self.trials < 1:
            raise ValueError(f"trials is {self.trials}; a sweep draws at least 1.")
        if isinstance(self.scheduler, Pbt):
            self._require_population()

    def _require_population(self) -> None:
        object.__setattr__(self, "member_seeds", 0)  # no fixed configuration leads to the best network
        if self.searcher == "tpe":  # the default, which nobody asked for
            object.__setattr__(self, "searcher", "random")
        if self.searcher != "random":
            raise ValueError(
                f"The scheduler is pbt, which draws its population at random, and the searcher is {self.searcher!r}. Leave the "
                "searcher out, or take another scheduler (--set scheduler=asha)."
            )
        if self.trials < 2:
            raise ValueError(f"The scheduler is pbt, and trials is {self.trials}; a population has at least 2 members.")


def require_objectives(
    objectives: tuple[Objective, ...], scheduler: Scheduler | None, posthoc: tuple[PosthocSpec, ...]
) -> None:
    """Refuse an objective that no trial reports.

    Metrics of val and of temperature scaling on val are reported with every epoch. Those of other tasks are computed once
    by the trial when it is complete, so that no scheduler can stop trials by them.

    Raises:
        ValueError: an unknown metric, one on test, or a late one together with a scheduler.
    """
    if not objectives:
        raise ValueError("A sweep needs an objective, such as Objective(metric='val/nll', mode='min').")
    for objective in objectives:
        require_known(objective.metric, posthoc)
        if scheduler is not None and is_late(objective.metric):
            raise ValueError(
                f"The objective {objective.metric!r} is known only when a trial is complete, so the scheduler cannot stop "
                "trials by it. Take the scheduler out (--set scheduler=none), or search on a metric of val."
            )
