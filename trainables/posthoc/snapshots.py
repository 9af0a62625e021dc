"""Post-hoc task: members from one training with a cyclic learning rate (Huang et al. 2017)."""

from __future__ import annotations

from trainables.multilabel import AnyPredictions
from trainables.posthoc.interface import PosthocResult, TrainedNetwork, evaluated_splits
from trainables.posthoc.judging import Members, judge_members
from trainables.posthoc.stopwatch import Stopwatch
from trainables.spec import Snapshots, SplitName


def run(task: Snapshots, network: TrainedNetwork) -> PosthocResult:
    """Pool what the network said at the end of each cycle, calibrate the pool on calib, and judge both.

    See `judge_members` for the names of what is found. Works from stored logits.

    Raises:
        ValueError: fewer cycles than the task takes.
    """
    watch = Stopwatch()
    with watch.stage("pool"):
        names = evaluated_splits(network.spec.split)
        splits: dict[str, AnyPredictions] = {split: _members(task, network, split) for split in names}
    return judge_members(Members(splits=splits), network, watch)


def _members(task: Snapshots, network: TrainedNetwork, split: SplitName) -> AnyPredictions:
    every = network.snapshots(split)
    if every.members < (task.last or 2):
        raise ValueError(
            f"The task {task.name!r} takes {task.last or 2} cycles at least, and {network.key} has {every.members}. Give its "
            "schedule more (schedule/cycles)."
        )
    return every if task.last is None else every.with_logits(every.logits[-task.last :])
