"""Post-hoc task: scores of maps beside AOPC. Formulas and their sources stand with the functions in `trainables.explain`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.explain.aopc import BATCH_SIZE
from trainables.explain.heat import haas, heat_assisted, sparseness
from trainables.explain.inference import inference_copy
from trainables.explain.outputs import Observed
from trainables.explain.randomisation import randomised_correlations
from trainables.explain.removal import deletion_insertion, sufficiency_comprehensiveness
from trainables.explain.road import road
from trainables.explain.sensitivity import infidelity, max_sensitivity
from trainables.models.classifier import Classifier
from trainables.posthoc.explained import Explained, explained, flat_remarks, intensities
from trainables.posthoc.interface import PosthocResult, TrainedNetwork
from trainables.posthoc.intervals import mean_with_interval
from trainables.posthoc.stopwatch import Stopwatch
from trainables.spec import ExplanationScores, Score


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """What a score has found: numbers an image by name, single numbers, and further tensors."""

    per_image: Mapping[str, Tensor]
    numbers: Mapping[str, float | None]
    tensors: Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """What is scored: correctly predicted images of a split with their maps.

    Attributes:
        task: its settings.
        source: the network and its split.
        rows: of the images, in the split.
        images: [images, 1, height, width].
        classes: [images], what is explained.
        maps: [images, rows, columns].
        observed: the network's fast copy.
    """

    task: ExplanationScores
    source: Explained
    rows: NDArray[np.int64]
    images: Tensor
    classes: Tensor
    maps: Tensor
    observed: Observed

    @property
    def ids(self) -> list[str]:
        """Names of the images."""
        return self.source.ids_at(self.rows)

    def explain(self, classifier: Classifier, images: Tensor, classes: Tensor | None = None) -> Tensor:
        """Maps of the same classes by the same method and seed."""
        of = self.classes if classes is None else classes
        return self.source.maps(classifier, images, of, self.task.method, self.task.seed)


def run(task: ExplanationScores, network: TrainedNetwork) -> PosthocResult:
    """Score the maps of the explained class of some correctly predicted images.

    Metrics are `<split>/<name>`, means over the images with `/low` and `/high` (95 % bootstrap over patients where known):

    - `road_most`, `road_least` (share still predicted correctly when the most or least relevant pixels are imputed, mean over
      the percentages), `road_gap` (least - most; more is better);
    - `deletion_auc` (less is better), `insertion_auc` (more); `comprehensiveness` (more), `sufficiency` (less), means over
      the shares of regions;
    - `max_sensitivity` (less), `infidelity` and `infidelity_share` (less), `sparseness` (a property, neither good nor bad);
    - `randomisation` (correlation left when all of the network is random; less) and `randomisation_mean` over its parts;
    - `haas`, one number for all (above 1 the maps help), on images correct or not.

    Tensors have curves by percentage, share, step and part, and each number an image as `<name>_per_image`.

    Raises:
        ValueError: as of `Aopc`.
    """
    watch = Stopwatch()
    with watch.stage("maps"):
        subject = _subject(task, network)
    groups = subject.source.groups_at(subject.rows)
    metrics: dict[str, float | None] = {}
    tensors: dict[str, Tensor] = {"rows": torch.from_numpy(subject.rows)}
    remarks = [*subject.source.remarks(), *flat_remarks(subject.maps)]
    if not len(subject.rows):
        remarks.append(f"Scores of maps are not defined: the network predicts no image of {task.split} correctly.")
    for score in task.scores if len(subject.rows) else ():
        with watch.stage(score):
            found = SCORE[score](subject)
        for name, values in found.per_image.items():
            metrics |= mean_with_interval(f"{task.split}/{name}", values, groups)
            tensors[f"{name}_per_image"] = values.float().contiguous()
        metrics |= {f"{task.split}/{name}": value for name, value in found.numbers.items()}
        tensors |= {name: values.float().contiguous() for name, values in found.tensors.items()}
    details = {"method": task.method, "images": len(subject.rows), "resampled": subject.source.group_kind}
    return PosthocResult(
        metrics=metrics, tensors=tensors, remarks=tuple(remarks), seconds=watch.seconds, details=details
    )


def _subject(task: ExplanationScores, network: TrainedNetwork) -> Subject:
    source = explained(network, task.split, method=task.method, seed=task.seed)
    rows = source.rows(task.images)
    images, classes = intensities(source.images, rows), source.classes[rows]
    device = next(source.classifier.parameters()).device
    copy = inference_copy(source.classifier, images[:2])
    return Subject(
        task=task,
        source=source,
        rows=rows,
        images=images,
        classes=classes,
        maps=source.maps(source.classifier, images, classes, task.method, task.seed),
        observed=Observed(classifier=copy, of_labels=source.of_labels, batch_size=BATCH_SIZE.get(device.type, 64)),
    )


def _road(of: Subject) -> Scored:
    found = road(of.observed, of.images, of.maps, of.classes, image_ids=of.ids, seed=of.task.seed)
    most, least = found.most_kept.double().mean(1), found.least_kept.double().mean(1)
    return Scored(
        per_image={"road_most": most, "road_least": least, "road_gap": least - most},
        numbers={},
        tensors={
            "road/percentages": torch.tensor(found.percentages),
            "road/most_accuracy": found.most_kept.double().mean(0),
            "road/least_accuracy": found.least_kept.double().mean(0),
            "road/most_probability": found.most.mean(0),
            "road/least_probability": found.least.mean(0),
        },
    )


def _deletion_insertion(of: Subject) -> Scored:
    found = deletion_insertion(of.observed, of.images, of.maps, of.classes)
    return Scored(
        per_image={"deletion_auc": found.deletion_area, "insertion_auc": found.insertion_area},
        numbers={},
        tensors={"deletion/curve": found.deletion.mean(0), "insertion/curve": found.insertion.mean(0)},
    )


def _erased(of: Subject) -> Scored:
    cells = min(of.task.cells, *of.images.shape[2:])
    found = sufficiency_comprehensiveness(of.observed, of.images, of.maps, of.classes, cells=cells)
    return Scored(
        per_image={"comprehensiveness": found.comprehensiveness.mean(1), "sufficiency": found.sufficiency.mean(1)},
        numbers={},
        tensors={
            "erased/shares": torch.tensor(found.shares),
            "erased/comprehensiveness": found.comprehensiveness.mean(0),
            "erased/sufficiency": found.sufficiency.mean(0),
        },
    )


def _max_sensitivity(of: Subject) -> Scored:
    values = max_sensitivity(
        lambda images: of.explain(of.source.classifier, images), of.images, image_ids=of.ids, seed=of.task.seed
    )
    return Scored(per_image={"max_sensitivity": values}, numbers={}, tensors={})


def _infidelity(of: Subject) -> Scored:
    found = infidelity(of.observed, of.images, of.maps, of.classes, image_ids=of.ids, seed=of.task.seed)
    return Scored(per_image={"infidelity": found.infidelity, "infidelity_share": found.share}, numbers={}, tensors={})


def _haas(of: Subject) -> Scored:
    """On as many images, correct or not; of labels on those where the truth of the explained one is known."""
    source = of.source
    rows = source.rows(of.task.images, correct=False)
    if source.of_labels:
        rows = rows[~np.isnan(source.images.targets[rows, source.classes[rows].numpy()])]
    images, classes = intensities(source.images, rows), source.classes[rows]
    assisted = heat_assisted(images, of.explain(source.classifier, images, classes))
    if source.of_labels:
        truth = torch.from_numpy(source.correct[rows])
        right, with_heat = (of.observed.is_predicted(each, classes) == truth for each in (images, assisted))
    else:
        targets = torch.from_numpy(np.array(source.images.targets[rows]))
        right, with_heat = (of.observed.is_predicted(each, targets) for each in (images, assisted))
    return Scored(per_image={}, numbers={"haas": haas(with_heat, right)}, tensors={})


def _randomisation(of: Subject) -> Scored:
    _, found = randomised_correlations(
        of.source.classifier, lambda network: of.explain(network, of.images), seed=of.task.seed
    )
    return Scored(
        per_image={"randomisation": found[:, -1], "randomisation_mean": found.mean(1)},
        numbers={},
        tensors={"randomisation/by_part": found.mean(0)},
    )


def _sparseness(of: Subject) -> Scored:
    size = (of.images.shape[2], of.images.shape[3])
    return Scored(per_image={"sparseness": sparseness(of.maps, size)}, numbers={}, tensors={})


SCORE: Mapping[Score, Callable[[Subject], Scored]] = {
    "road": _road,
    "deletion_insertion": _deletion_insertion,
    "sufficiency_comprehensiveness": _erased,
    "max_sensitivity": _max_sensitivity,
    "infidelity": _infidelity,
    "haas": _haas,
    "randomisation": _randomisation,
    "sparseness": _sparseness,
}
