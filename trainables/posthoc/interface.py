"""What a post-hoc task is given and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from trainables.data.images import ImageSet
from trainables.models.classifier import Classifier
from trainables.multilabel import AnyPredictions
from trainables.predictions import Predictions
from trainables.spec import Conformal, Split, SplitName, TrialSpec


class TrainedNetwork(Protocol):
    """A network whose training is over, read from wherever it is stored; every part is loaded when asked for."""

    @property
    def key(self) -> str:
        """Key of the network."""
        ...

    @property
    def spec(self) -> TrialSpec:
        """Its description."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the logits."""
        ...

    def predictions(self, split: SplitName) -> AnyPredictions:
        """Logits from the one pass after training; one member, or one for each head of a MIMO network."""
        ...

    def snapshots(self, split: SplitName) -> AnyPredictions:
        """Logits at the end of each cycle of the schedule, in order, one member a cycle; images as in `predictions`.

        Raises:
            ValueError: the schedule has one cycle, or training was stopped within its first one.
        """
        ...

    def studies(self, split: SplitName) -> tuple[str, ...] | None:
        """The study of each image, rows as in `predictions`; None where the data set knows none."""
        ...

    def features(self, split: SplitName) -> Tensor:
        """Penultimate features from the same pass, [images, features], rows as in `predictions`."""
        ...

    def head(self) -> nn.Linear:
        """The last layer."""
        ...

    def classifier(self) -> Classifier:
        """The whole network with its best weights, in eval mode."""
        ...

    def images(self, split: SplitName) -> ImageSet:
        """The images of the split, rows as in `predictions`, with lesion masks where they are known."""
        ...


@runtime_checkable
class KnowsPatients(Protocol):
    """What a network may have besides: the patients of its images, which bootstrap intervals resample."""

    def patients(self, split: SplitName) -> tuple[str, ...] | None:
        """The patient of each image, rows as in `predictions`; None where the data set knows none."""
        ...


@dataclass(frozen=True, kw_only=True)
class PosthocResult:
    """What a post-hoc task has found.

    Attributes:
        metrics: `split/metric` to a number, or None where it is not defined (the AUROC of an absent class).
        predictions: calibrated or pooled predictions by split.
        tensors: curves, maps, parameters, by name.
        remarks: sentences that the report carries.
        seconds: seconds by stage.
        details: further JSON values by name, such as the members that a selection chose; they stand in the manifest.
    """

    metrics: Mapping[str, float | None]
    predictions: Mapping[str, AnyPredictions] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


def evaluated_splits(split: Split) -> tuple[SplitName, ...]:
    """The splits that a network is judged on: val, calib where there is one, test."""
    return ("val", "calib", "test") if split.calib > 0 else ("val", "test")


def calibration_split(split: Split) -> tuple[SplitName, tuple[str, ...]]:
    """The split that post-hoc parameters are fitted on, and the remark that the report then carries."""
    if split.calib > 0:
        return "calib", ()
    remark = "There is no calib split, so calibration was fitted on val, which also chose the epoch and the trial."
    return "val", (remark,)


def class_predictions(task: Conformal, network: TrainedNetwork, split: SplitName) -> Predictions:
    """Predictions of a network that knows one class an image, for tasks that are defined for those only.

    Raises:
        ValueError: the network predicts labels that do not exclude each other.
    """
    predictions = network.predictions(split)
    if not isinstance(predictions, Predictions):
        raise ValueError(
            f"The task {task.name!r} is defined for one class an image, and {network.key} predicts several labels "
            f"({', '.join(network.classes)}). Take it out of the sweep's posthoc; evaluation, temperature, Laplace and ensembles work."
        )
    return predictions
