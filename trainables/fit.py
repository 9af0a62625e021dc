"""Training of one network, epoch by epoch, with a state that continues bit for bit.

Every random number of an epoch (order of the images, augmentation, dropout) comes from a seed made of the trial's seed and
the epoch, so that an epoch depends on the state before it and on nothing else: a run that was killed and continued ends
with the weights of a run that was not (on a CPU with the same number of threads).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from trainables.averaging import AveragedWeights
from trainables.best_epoch import recall_metrics, require_classes, signed_value
from trainables.checkpoint import TrainingState
from trainables.data.augment import WHOLE, augment
from trainables.data.images import ImageSet
from trainables.data_parallel import ALONE, Group, synchronise
from trainables.data_parallel.shared_pass import shared_pass
from trainables.epoch_report import EpochReport, epoch_seed
from trainables.frozen_features import frozen_features
from trainables.losses import build_loss_for
from trainables.losses.variables import TrainedLoss, begin_epoch
from trainables.metrics import headline, prefixed, right_and_known
from trainables.mimo import each_member, mix
from trainables.models import Classifier, build_model
from trainables.models.lung_input import load_lungs
from trainables.multilabel import AnyPredictions
from trainables.optimization import (
    AUTOCAST,
    Plateau,
    build_optimizer,
    build_scaler,
    compiled,
    learning_rate,
    steps_of,
)
from trainables.posthoc.temperature import temperature_metrics
from trainables.predict import to_intensities
from trainables.sampling import draw_rows, draw_weights
from trainables.spec import Mimo, TrialSpec
from trainables.spec.parallel import require_parallel
from trainables.training_state import restore, state_of


class TrainingDiverged(RuntimeError):
    """The loss is no finite number any more."""


class Training:
    """A network in training.

    Args:
        spec: what is trained.
        data: the whole data set; the train split is learnt, val and calib are watched.
        device: where to train.
        weights_folder: where local weight files lie.
        cache_features: whether a frozen backbone looks at each image once and not once an epoch, where that is possible.
        lungs: trained weights of the U-Net, for a trial with lungs.
        group: the workers that train it together; each calls the same methods in the same order.

    Attributes:
        micro_batches: parts of a batch whose gradients are added one after another, where a whole one does not fit into memory.
            For losses that are means over images, of networks without batch norm, the sum is that of the batch; batch norm
            and losses on whole batches see a part at a time.
    """

    def __init__(
        self,
        spec: TrialSpec,
        data: ImageSet,
        *,
        device: torch.device | None = None,
        weights_folder: Path | None = None,
        cache_features: bool = True,
        lungs: dict[str, Tensor] | None = None,
        group: Group = ALONE,
    ) -> None:
        require_parallel(spec, group.size)
        self.spec = spec
        self.group = group
        self.device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.train = data.part("train")
        self.val = data.part("val")
        self.calib = data.part("calib") if (data.splits == "calib").any() else self.val
        self.classes = data.classes
        require_classes(spec.schedule, data.classes)
        size = data.pixels.shape[1]
        classes, seed = len(data.classes), spec.seed
        model = build_model(
            spec.model, classes=classes, seed=seed, weights_folder=weights_folder, size=size, lungs=spec.lungs
        )
        load_lungs(model, lungs)
        self.classifier: Classifier = model.to(self.device)
        synchronise(self.classifier, group)
        targets = torch.from_numpy(self.train.targets.copy())
        drawn = draw_weights(targets, spec.sampling)
        self.loss = build_loss_for(spec.loss, targets, len(data.classes), drawn=drawn)
        if isinstance(self.loss, TrainedLoss):
            self.loss.to(self.device)
        self.optimizer = build_optimizer(spec.optimizer, self.classifier, self.loss)
        self.scaler = build_scaler(spec.schedule, self.device)
        self.plateau = Plateau()
        decay = spec.schedule.average_decay
        self.average = AveragedWeights(self.classifier, decay) if decay is not None else None
        parts = (self.train, self.val, self.calib)
        self.frozen = frozen_features(self.classifier, spec, self.loss, parts) if cache_features else None
        if not group.all_say(self.frozen is not None):
            self.frozen = None
        self.learner = each_member(compiled(self.classifier) if spec.schedule.compile else self.classifier)
        self.begun = spec.first_stage is None
        self.micro_batches = 1
        self.epoch = 0
        self.best_epoch = 0
        self.best_value = math.inf
        self.finished = False

    def run_epoch(self) -> EpochReport:
        """Train one epoch, look at val and calib, and say how it went.

        Raises:
            TrainingDiverged: the loss was not finite; the message names the step and the images.
            ValueError: the first of two stages is missing.
        """
        if not self.begun:
            raise ValueError(
                "This training is the second of two stages and has no weights to begin with. Give begin_with() the best "
                "weights of a Training of spec.first_trial, or load() a state."
            )
        started = time.perf_counter()
        train_metrics = self._learn()
        trained = time.perf_counter()
        self.epoch += 1
        val, calib = self._predict(self.val, "val"), self._predict(self.calib, "calib")
        recalled = recall_metrics(self.spec.schedule, val, self.classes)
        watched = {**prefixed("val", {**headline(val), **recalled}), **temperature_metrics(val, calib)}
        metrics: dict[str, float] = train_metrics | {
            name: value for name, value in watched.items() if value is not None
        }
        metrics = self.group.agree(metrics)
        self._judge(metrics)
        seconds = {"train": trained - started, "evaluate": time.perf_counter() - trained}
        return EpochReport(
            epoch=self.epoch, metrics=metrics, best_epoch=self.best_epoch, finished=self.finished, seconds=seconds
        )

    @property
    def evaluated(self) -> Classifier:
        """What the metrics of an epoch belong to: the averaged network if there is an average."""
        return self.average.classifier if self.average else self.classifier

    def begin_with(self, weights: dict[str, Tensor]) -> None:
        """Begin with the weights of the first stage in place of random ones."""
        self.classifier.load_state_dict(weights)
        if self.average:
            self.average.load(weights, steps=0)
        self.begun = True

    def state(self) -> TrainingState:
        """Everything that the next epoch depends on; `weights` are those that were evaluated."""
        return state_of(self)

    def load(self, state: TrainingState) -> None:
        """Continue from a state that `state` gave."""
        restore(self, state)

    def _learn(self) -> dict[str, float]:
        """One pass over the train split."""
        stage = "second stage, " if self.spec.first_stage else ""  # its epochs shall not repeat the first one's draws
        torch.manual_seed(epoch_seed(self.spec.seed, self.epoch, self.group.purpose(f"{stage}dropout")))
        generator = torch.Generator().manual_seed(epoch_seed(self.spec.seed, self.epoch, f"{stage}order"))
        order = draw_rows(self.train.targets, self.spec.sampling, generator)
        batches = list(_batches(order, self.spec.schedule.batch_size))
        begin_epoch(self.epoch, self.loss, self.optimizer)
        self.group.align(self.classifier)
        self.classifier.train()
        total, seen, right, known = 0.0, 0, 0, 0
        steps = list(steps_of(batches, self.spec.schedule.accumulate))
        for step, parts in enumerate(steps):
            rate = self._rate(self.epoch + step / len(steps))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            for rows, share in _in_parts(parts, self.micro_batches):
                loss, logits, targets = self._step(rows, step, generator, share)
                total += loss * len(rows)
                seen += len(rows)
                hits, judged = right_and_known(logits, targets)
                right, known = right + hits, known + judged
            self._update()
        return {
            "train/loss": total / seen,
            "train/accuracy": right / max(1, known),
            "train/learning_rate": self._rate(self.epoch),
        }

    def _rate(self, position: float) -> float:
        return learning_rate(self.spec, position) * self.plateau.scale

    def _step(self, rows: Tensor, step: int, generator: torch.Generator, share: float) -> tuple[float, Tensor, Tensor]:
        """Add the gradients of a batch, which is a share of what one update sees; return its loss, logits and targets."""
        part = self.group.part(len(rows))
        learner, images, targets = self._batch(rows, generator, part)
        precision = AUTOCAST[self.spec.schedule.precision]
        with torch.autocast(self.device.type, precision, enabled=precision != torch.float32):
            loss, logits = self.group.loss(self.loss, learner, images, targets, part)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingDiverged(self._diverged(value, step, rows))
        self.scaler.scale(loss * share).backward()  # type: ignore[no-untyped-call]
        return value, logits.detach(), targets

    def _update(self) -> None:
        """Change the weights by the gradients that have come together."""
        self.group.sum_gradients(self.classifier)
        if self.spec.schedule.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.classifier.parameters(), self.spec.schedule.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average:
            self.average.update(self.classifier)

    def _batch(
        self, rows: Tensor, generator: torch.Generator, part: slice = WHOLE
    ) -> tuple[Classifier, Tensor, Tensor]:
        """What learns, and what it learns from: images, augmented, or features of a part of the rows; the targets of all."""
        targets = torch.from_numpy(self.train.targets[rows.numpy()]).to(self.device)
        if self.frozen:
            return self.frozen.tail(self.classifier), self.frozen.batch(self.train, rows[part]), targets
        pixels = torch.from_numpy(self.train.pixels[rows[part].numpy()]).to(self.device)
        images = augment(to_intensities(pixels), self.spec.augmentation, generator, batch=len(rows), part=part)
        if isinstance(self.spec.model, Mimo):
            images, targets = mix(images, targets, self.spec.model, generator)
        return self.learner, images.contiguous(memory_format=torch.channels_last), targets

    def _predict(self, images: ImageSet, split: str) -> AnyPredictions:
        if self.frozen:
            return self.frozen.predict(self.evaluated, images, split=split)
        return shared_pass(self.group, self.evaluated, images, split=split)

    def _diverged(self, value: float, step: int, rows: Tensor) -> str:
        names = ", ".join(self.train.image_ids[n] for n in rows[:3].tolist())
        return (
            f"The loss is {value} at epoch {self.epoch + 1}, step {step + 1}, in the batch of {len(rows)} images that "
            f"starts with {names}. Training has diverged. A smaller learning rate than "
            f"{self.spec.optimizer.learning_rate:g} or a clip_norm helps as a rule."
        )

    def _judge(self, metrics: dict[str, float]) -> None:
        """Note whether this epoch is the best one, and whether it is the last one."""
        schedule = self.spec.schedule
        signed = signed_value(schedule, metrics)
        if signed < self.best_value or self.best_epoch == 0:
            self.best_value, self.best_epoch = signed, self.epoch
        self.plateau.judge(schedule, self.epoch, improved=self.best_epoch == self.epoch)
        waited = schedule.patience is not None and self.epoch - self.best_epoch >= schedule.patience
        self.finished = self.epoch >= schedule.epochs or waited


def _in_parts(batches: Iterable[tuple[Tensor, float]], parts: int) -> Iterator[tuple[Tensor, float]]:
    """Every batch cut into so many parts of two images at least, each with its share of the update."""
    for rows, share in batches:
        for part in torch.chunk(rows, max(1, min(parts, len(rows) // 2))):
            yield part, share * len(part) / len(rows)


def _batches(order: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Rows of each batch; a last batch of one image is left out, because batch norm needs two."""
    for rows in torch.split(order, batch_size):
        if len(rows) > 1:
            yield rows
