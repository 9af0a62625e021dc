"""Post-hoc task: maps of a trained network, scored by perturbation and, where masks are known, by them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.data.images import ImageSet
from trainables.explain.aopc import AopcScores, area_by_step, area_over_curve, areas_by_step, score_maps
from trainables.explain.grad_cam import upsample
from trainables.explain.inference import inference_copy
from trainables.explain.outputs import followed
from trainables.explain.perturbations import DESCRIPTIONS
from trainables.posthoc.compared import compared_images
from trainables.posthoc.explained import Explained, explained, intensities
from trainables.posthoc.interface import PosthocResult, TrainedNetwork
from trainables.posthoc.intervals import mean_intervals, mean_with_interval
from trainables.posthoc.localisation import localisation_metrics, lung_metrics
from trainables.spec import Aopc

GALLERY_IMAGES = 8


def run(task: Aopc, network: TrainedNetwork) -> PosthocResult:
    """Explain the predicted class or label of correctly predicted images of a split, and score the maps.

    The predictions of the one pass after training say which images are correct (`Explained`). Metrics are `<split>/` and

    - `aopc`: of the maps (paper P3); `aopc_random`: of a random order under the same perturbation; `aopc_gain`: the
      difference, what the maps know. Each has `/low` and `/high`, a 95 % bootstrap interval over patients where they are
      known, else studies, else images; None with fewer than 10 of them.
    - where masks are known `pointing_game`, `energy_inside`, `best_iou`, `rank_accuracy` (see `localise`), and `mask_share`,
      which the first two and the last are in the mean for a map that knows nothing; `inside_lungs` and `lungs_share` where
      the data set has masks of the lungs.

    Tensors: `curve`, `random_curve`, `aopc_by_step`, `random_aopc_by_step` [L + 1], each also as `.../low`, `.../high` where
    there is an interval; `aopc_per_image`, `random_aopc_per_image`, `rows` [images] (rows of the split); and a small gallery
    of `gallery/pixels`, `/maps`, `/masks` [up to 8, height, width] with `/predicted`, `/targets`, `/rows`; and, of classes,
    the images of `compared_images`. Details have the convention of the numbers.

    Raises:
        ValueError: images and predictions of the split are not in the same order, or the method is not defined for the
            network.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "load"):
        source = explained(network, task.split, method=task.explainer, seed=task.seed)
        images, rows = source.images, source.rows(task.images)
    with _timed(seconds, "maps"):
        maps = maps_of(source, rows, task)
    with _timed(seconds, "curves"):
        chosen = intensities(images, rows)
        scores = score_maps(
            inference_copy(source.classifier, chosen[:2]),
            chosen,
            maps,
            predicted=source.classes[rows],
            image_ids=source.ids_at(rows),
            cells=task.cells,
            noise=task.noise,
            seed=task.seed,
            order=task.order,
            perturbation=task.perturbation,
            value=followed(task.output, of_labels=source.of_labels),
        )
    with _timed(seconds, "localisation"):
        found, localisation_remarks = _localisation(images, rows, maps)
        found |= lung_metrics(network, task.split, rows, maps)
    with _timed(seconds, "gallery"):
        gallery = _gallery(source, task) | _compared(source, task)
    groups = source.groups_at(rows)
    metrics = _perturbation_metrics(scores, groups) | found
    return PosthocResult(
        metrics={f"{task.split}/{name}": value for name, value in metrics.items()},
        tensors=_curves(scores, groups) | {"rows": torch.from_numpy(rows)} | gallery,
        remarks=(*_remarks(task, scores, len(rows)), *source.remarks(), *localisation_remarks),
        seconds=seconds,
        details={"convention": convention(task, scores, of_labels=source.of_labels), "resampled": source.group_kind},
    )


def maps_of(source: Explained, rows: NDArray[np.int64], task: Aopc) -> Tensor:
    """Map of the explained class of each of the given rows, [rows, map rows, map columns], on the CPU; rows may be none."""
    chosen = intensities(source.images, rows)
    return source.maps(source.classifier, chosen, source.classes[rows], task.explainer, task.seed)


def _compared(source: Explained, task: Aopc) -> dict[str, Tensor]:
    """The images that all networks of a sweep are shown on; of labels the first one that is present is explained."""
    targets, is_known = np.array(source.images.targets), np.ones(len(source.images), dtype=np.bool_)
    if source.of_labels:
        present = np.nan_to_num(targets) > 0.5
        targets, is_known = present.argmax(1), present.any(1)

    def explain(rows: NDArray[np.int64], classes: Tensor) -> Tensor:
        chosen = intensities(source.images, rows)
        return source.maps(source.classifier, chosen, classes[rows], task.explainer, task.seed)

    order = source.order[is_known[source.order]]
    return compared_images(source.images, torch.from_numpy(targets), order, source.classes, explain)


def convention(task: Aopc, scores: AopcScores, *, of_labels: bool) -> dict[str, Any]:
    """All that a number depends on beside the network and its images, as JSON values; numbers of two are not comparable."""
    kind = "sigmoid of a label" if of_labels else "softmax"
    logit = "log odds of a label" if of_labels else "logit"
    regions = scores.regions
    return {
        "explainer": task.explainer,
        "order": task.order,
        "perturbation": DESCRIPTIONS[task.perturbation],
        **({"noise": task.noise} if task.perturbation == "noise" else {}),
        "output": kind if task.output == "probability" else logit,
        "regions": [regions.rows, regions.columns],
        "region_pixels": [regions.region_height, regions.region_width],
        "images": "correct; the most probable label of those predicted"
        if of_labels
        else "correct; the predicted class",
        "divisor": "L + 1",
    }


def _perturbation_metrics(scores: AopcScores, groups: Sequence[str]) -> dict[str, float | None]:
    along, control = area_over_curve(scores.probabilities), area_over_curve(scores.random_probabilities)
    found = {"aopc": along, "aopc_random": control, "aopc_gain": along.double() - control.double()}
    return {key: value for name, each in found.items() for key, value in mean_with_interval(name, each, groups).items()}


def _curves(scores: AopcScores, groups: Sequence[str]) -> dict[str, Tensor]:
    """Curves of the images together, and areas image by image; without an image only the latter, empty."""
    per_image = {
        "aopc_per_image": area_over_curve(scores.probabilities),
        "random_aopc_per_image": area_over_curve(scores.random_probabilities),
    }
    if not len(scores.probabilities):
        return per_image
    curves = {
        "curve": scores.probabilities.mean(0),
        "random_curve": scores.random_probabilities.mean(0),
        "aopc_by_step": area_by_step(scores.probabilities),
        "random_aopc_by_step": area_by_step(scores.random_probabilities),
    }
    by_image = {
        "curve": scores.probabilities,
        "random_curve": scores.random_probabilities,
        "aopc_by_step": areas_by_step(scores.probabilities),
        "random_aopc_by_step": areas_by_step(scores.random_probabilities),
    }
    ends = mean_intervals(torch.cat(list(by_image.values()), dim=1), groups)
    if ends is None:
        return per_image | curves
    low, high = (dict(zip(by_image, each.float().chunk(len(by_image)), strict=True)) for each in ends)
    return (
        per_image
        | curves
        | {f"{name}/low": each.clone() for name, each in low.items()}
        | {f"{name}/high": each.clone() for name, each in high.items()}
    )


def _localisation(
    images: ImageSet, rows: NDArray[np.int64], maps: Tensor
) -> tuple[dict[str, float | None], tuple[str, ...]]:
    if images.masks is None:
        return {}, ()
    masks = torch.from_numpy(np.array(images.masks[rows]))
    without = int((~masks.flatten(1).any(1)).sum())
    remark = f"Localisation leaves out {without} of {len(rows)} images, whose mask is empty."
    return localisation_metrics(maps, masks), (remark,) if without else ()


def _remarks(task: Aopc, scores: AopcScores, images: int) -> Iterator[str]:
    regions = scores.regions
    if not images:
        yield f"AOPC is not defined: the network predicts no image of {task.split} correctly."
        return
    if scores.flat_maps:
        yield f"{scores.flat_maps} of {images} maps are constant, so their regions were perturbed by number."
    if task.cells is not None and len(regions) < task.cells**2:
        yield (
            f"AOPC used {regions.rows} x {regions.columns} regions, not {task.cells} x {task.cells}: regions of "
            f"{regions.region_height} x {regions.region_width} pixels cover the image already."
        )


def _gallery(source: Explained, task: Aopc) -> dict[str, Tensor]:
    """A few explained images; of labels only those of which one is there to name the truth, and one predicted if any is."""
    images, predicted = source.images, source.classes
    targets, shown = gallery_targets(images.targets, predicted.numpy())
    told = shown & source.predicted
    kept = (told if told.any() else shown)[source.order]
    rows = gallery_rows(targets, predicted.numpy(), source.order[kept])
    maps = maps_of(source, rows, task)
    height, width = images.pixels.shape[1:]
    gallery = {
        "gallery/pixels": torch.from_numpy(np.array(images.pixels[rows])),
        "gallery/maps": upsample(maps[:, None], (height, width))[:, 0],
        "gallery/predicted": predicted[rows],
        "gallery/targets": torch.from_numpy(targets[rows]),
        "gallery/rows": torch.from_numpy(rows),
    }
    if images.masks is not None:
        gallery["gallery/masks"] = torch.from_numpy(np.array(images.masks[rows]))
    return gallery


def gallery_targets(targets: NDArray[Any], predicted: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The one class that names the truth of an image, and whether there is one.

    Of several labels it is the explained one where it is present, else the first that is.
    """
    if targets.ndim == 1:
        return np.array(targets), np.ones(len(targets), dtype=np.bool_)
    present = np.nan_to_num(targets) > 0.5
    is_right = present[np.arange(len(targets)), predicted]
    return np.where(is_right, predicted, present.argmax(1)).astype(np.int64), present.any(1)


def gallery_rows(
    targets: NDArray[np.int64], predicted: NDArray[np.int64], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Up to `GALLERY_IMAGES` rows that cover the classes in turn, correctly predicted ones first in each class."""
    is_wrong = predicted[order] != targets[order]
    queue = order[np.argsort(is_wrong, kind="stable")]
    turn: dict[int, int] = {}
    turns = np.zeros(len(queue), dtype=np.int64)
    for place, row in enumerate(queue):
        turns[place] = turn[int(targets[row])] = turn.get(int(targets[row]), -1) + 1
    by_turn_then_class = np.lexsort((targets[queue], turns))
    return queue[by_turn_then_class][:GALLERY_IMAGES]


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
