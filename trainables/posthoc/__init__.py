"""What is computed after training, from stored logits and features: one file a method, one `run` for all."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.posthoc.interface import PosthocResult, TrainedNetwork
from trainables.spec import (
    Aopc,
    AopcStability,
    AttentiveMaps,
    Calibration,
    Conformal,
    Ensemble,
    EnsembleMaps,
    Evaluation,
    ExplanationScores,
    Laplace,
    McDropout,
    MemberMaps,
    PixelBaseline,
    PosthocSpec,
    Shift,
    Snapshots,
    Temperature,
)

__all__ = ["PosthocResult", "TrainedNetwork", "run"]


def run(task: PosthocSpec, members: Sequence[TrainedNetwork]) -> PosthocResult:
    """Run a post-hoc task on its members; each method is imported when it is used.

    Metrics are named `split/metric`, without the task's own prefix (`task.name`).

    Args:
        task: what to compute.
        members: the networks of an ensemble, or one network for every other task.

    Raises:
        ValueError: another number of members than the task takes.
    """
    match task:
        case Evaluation():
            from trainables.posthoc import evaluation

            return evaluation.run(task, _only(task, members))
        case Temperature():
            from trainables.posthoc import temperature

            return temperature.run(task, _only(task, members))
        case Calibration():
            from trainables.posthoc import calibration

            return calibration.run(task, _only(task, members))
        case Laplace():
            from trainables.posthoc import laplace

            return laplace.run(task, _only(task, members))
        case McDropout():
            from trainables.posthoc import mc_dropout

            return mc_dropout.run(task, _only(task, members))
        case Snapshots():
            from trainables.posthoc import snapshots

            return snapshots.run(task, _only(task, members))
        case Aopc():
            from trainables.posthoc import aopc

            return aopc.run(task, _only(task, members))
        case Conformal():
            from trainables.posthoc import conformal

            return conformal.run(task, _only(task, members))
        case Shift():
            from trainables.posthoc import shift

            return shift.run(task, _only(task, members))
        case AopcStability():
            from trainables.posthoc import aopc_stability

            return aopc_stability.run(task, _only(task, members))
        case ExplanationScores():
            from trainables.posthoc import explanation_scores

            return explanation_scores.run(task, _only(task, members))
        case AttentiveMaps():
            from trainables.posthoc import attentive

            return attentive.run(task, _only(task, members))
        case Ensemble():
            from trainables.posthoc import ensemble

            return ensemble.run(task, members)
        case MemberMaps():
            from trainables.posthoc import member_maps

            return member_maps.run(task, [_only(task, members)])
        case EnsembleMaps():
            from trainables.posthoc import member_maps

            return member_maps.run(task, members)
        case PixelBaseline():
            raise ValueError(
                "The task 'baseline' works on a data set, not on networks: call trainables.posthoc.baseline.run."
            )


def _only(task: PosthocSpec, members: Sequence[TrainedNetwork]) -> TrainedNetwork:
    if len(members) != 1:
        raise ValueError(
            f"The task {task.kind!r} takes one network and was given {len(members)}. Run it once a network, or pool them "
            "with an Ensemble."
        )
    return members[0]
