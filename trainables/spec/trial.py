"""The whole description of one network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from trainables.spec.augmentation import Augmentation
from trainables.spec.canonical import content_key
from trainables.spec.data import DataSpec, Split
from trainables.spec.loss import AucMargin, ClassDistinct, CrossEntropy, LossSpec
from trainables.spec.lungs import Lungs
from trainables.spec.models import ModelSpec, heads_of
from trainables.spec.optimization import Optimizer, Schedule
from trainables.spec.sampling import Sampling
from trainables.spec.versions import VERSIONS


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A training in front of the training proper, on the same data and network (the two-stage pipeline of paper P2)."""

    loss: LossSpec = field(default_factory=CrossEntropy)
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)


@dataclass(frozen=True, kw_only=True)
class TrialSpec:
    """Everything that determines a trained network, and nothing else.

    Attributes:
        seed: seeds the weights, the order of the images, the augmentation and dropout.
        first_stage: how the network is trained beforehand: training begins with the best weights of that stage, and
            `loss`, `optimizer` and `schedule` are those of the second one. None for a training in one stage.
        lungs: how a map of the lungs comes into the network's input; None for the image alone.
    """

    data: DataSpec
    model: ModelSpec
    split: Split = field(default_factory=Split)
    loss: LossSpec = field(default_factory=CrossEntropy)
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    augmentation: Augmentation = field(default_factory=Augmentation)
    sampling: Sampling = field(default_factory=Sampling)
    seed: int = 0
    first_stage: Stage | None = None
    lungs: Lungs | None = None

    @property
    def first_trial(self) -> TrialSpec | None:
        """The first stage as a trial of its own: whatever differs in the second one only, shares its network."""
        first = self.first_stage
        if first is None:
            return None
        return replace(self, loss=first.loss, optimizer=first.optimizer, schedule=first.schedule, first_stage=None)

    def __post_init__(self) -> None:
        losses = (self.loss, self.first_stage.loss) if self.first_stage else (self.loss,)
        if heads_of(self.model) > 1 and any(isinstance(loss, ClassDistinct) for loss in losses):
            raise ValueError(
                f"The loss is class_distinct, on the maps of an image, and the network reads {heads_of(self.model)} images at "
                "once, whose maps cannot be told apart. Train it with another loss, or take a network of one image: "
                "model/members 1, or Timm."
            )
        if self.lungs is not None:
            self.lungs.require_fits(self.model)
        if not isinstance(self.loss, AucMargin):
            return
        if self.optimizer.kind != "pesg":
            raise ValueError(
                f"The loss is auc_margin, a saddle point, and the optimiser {self.optimizer.kind!r} only descends. Take "
                "Optimizer(kind='pesg', learning_rate=0.1)."
            )
        if self.loss.pretrain_epochs >= self.schedule.epochs:
            raise ValueError(
                f"loss/pretrain_epochs is {self.loss.pretrain_epochs} of {self.schedule.epochs} epochs, so the AUC would "
                "never be trained. Pretrain less, or lengthen the schedule."
            )

    def with_seed(self, seed: int) -> TrialSpec:
        """Return the same description under another training seed: another member of an ensemble."""
        return replace(self, seed=seed)


def data_key(spec: DataSpec, split: Split, fingerprints: Sequence[str]) -> str:
    """Key of the decoded and split data set: its description and the content of its files."""
    settings = {"data": spec, "split": split}
    return content_key("data", version=VERSIONS["data"], settings=settings, inputs=fingerprints)


def images_key(size: int, fingerprint: str) -> str:
    """Key of decoded images, which every data set over the same files and size shares."""
    return content_key("images", version=VERSIONS["decode"], settings={"size": size}, inputs=[fingerprint])


def network_key(spec: TrialSpec, inputs: Sequence[str]) -> str:
    """Key of the trained network: its description, the keys of the data set, of the first stage's network and of the lungs'
    U-Net if there are such, and the fingerprint of initial weights.
    """
    return content_key("network", version=VERSIONS["fit"], settings=spec, inputs=inputs)


def fit_key(spec: TrialSpec, inputs: Sequence[str]) -> str:
    """Key of the chain of epochs that leads to the network."""
    return content_key("fit", version=VERSIONS["fit"], settings=spec, inputs=inputs)
