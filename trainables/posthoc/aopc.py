"""Post-hoc task: Grad-CAM maps of a trained network, scored by perturbation and, where masks are known, by them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.data.images import ImageSet
from trainables.explain.aopc import BATCH_SIZE, AopcScores, area_by_step, area_over_curve, score_maps
from trainables.explain.grad_cam import grad_cam, upsample
from trainables.explain.inference import inference_copy
from trainables.explain.localisation import localise
from trainables.models.classifier import Classifier
from trainables.posthoc.compared import compared_images
from trainables.posthoc.interface import PosthocResult, TrainedNetwork, class_predictions
from trainables.predictions import Predictions
from trainables.spec import Aopc

GALLERY_IMAGES = 8


def run(task: Aopc, network: TrainedNetwork) -> PosthocResult:
    """Explain the predicted class of correctly predicted images of a split, and score the maps.

    The predictions of the one pass after training say which images are correct. Metrics are `<split>/` and

    - `aopc`: of the maps (paper P3); `aopc_random`: of a random order under the same noise; `aopc_gain`: the difference,
      what the maps know.
    - where masks are known `pointing_game`, `energy_inside`, and `mask_share`, which both are in the mean for a map
      that knows nothing.

    Tensors: `curve`, `random_curve`, `aopc_by_step`, `random_aopc_by_step` [L + 1]; `aopc_per_image`,
    `random_aopc_per_image`, `rows` [images] (rows of the split); and a small gallery of `gallery/pixels`, `/maps`,
    `/masks` [up to 8, height, width] with `/predicted`, `/targets`, `/rows`; and the images of `compared_images`.

    Raises:
        ValueError: images and predictions of the split are not in the same order, or images have several labels.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "load"):
        predictions, images = class_predictions(task, network, task.split), network.images(task.split)
        _require_same_order(predictions, images)
        classifier = network.classifier().to("cuda" if torch.cuda.is_available() else "cpu")
        predicted = predictions.pooled_log_probs().argmax(1).cpu()
        order = seeded_order(images.image_ids, task.seed)
        is_correct = predicted.numpy() == images.targets
        rows = order[is_correct[order]][: task.images]
    with _timed(seconds, "maps"):
        maps = predicted_class_maps(classifier, images, rows, predicted)
    with _timed(seconds, "curves"):
        chosen = intensities(images, rows)
        scores = score_maps(
            inference_copy(classifier, chosen[:2]),
            chosen,
            maps,
            predicted=predicted[rows],
            image_ids=[images.image_ids[row] for row in rows],
            cells=task.cells,
            noise=task.noise,
            seed=task.seed,
        )
    with _timed(seconds, "localisation"):
        found, localisation_remarks = _localisation(images, rows, maps)
    with _timed(seconds, "gallery"):
        gallery = _gallery(classifier, images, order, predicted) | compared_images(
            images, order, predicted, lambda some, of: predicted_class_maps(classifier, images, some, of)
        )
    metrics = _perturbation_metrics(scores) | found
    return PosthocResult(
        metrics={f"{task.split}/{name}": value for name, value in metrics.items()},
        tensors=_curves(scores) | {"rows": torch.from_numpy(rows)} | gallery,
        remarks=(*_remarks(task, scores, len(rows)), *localisation_remarks),
        seconds=seconds,
    )


def seeded_order(image_ids: Sequence[str], seed: int) -> NDArray[np.int64]:
    """Rows in an order that each image's id and the seed determine, so that another image moves no other's rank."""
    digests = [hashlib.sha256(f"{seed}/choice/{name}".encode()).digest() for name in image_ids]
    return np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=np.int64)


def intensities(images: ImageSet, rows: NDArray[np.int64]) -> Tensor:
    """The images of the given rows as a network reads them, [rows, 1, height, width] in [0, 1]."""
    return torch.from_numpy(np.array(images.pixels[rows]))[:, None].float() / 255


def predicted_class_maps(
    classifier: Classifier, images: ImageSet, rows: NDArray[np.int64], predicted: Tensor
) -> Tensor:
    """Grad-CAM map of the predicted class of each of the given rows, [rows, map rows, map columns], on the CPU.

    Args:
        classifier: on the device that it is to run on.
        images: the split.
        rows: of the images to explain; may be empty.
        predicted: [images of the split], predicted classes.
    """
    device = next(classifier.parameters()).device
    batch_size = BATCH_SIZE.get(device.type, 64)
    maps = []
    for start in range(0, len(rows), batch_size):
        some = rows[start : start + batch_size]
        of_classes = grad_cam(classifier, intensities(images, some).to(device)).cpu()
        maps.append(of_classes[torch.arange(len(some)), predicted[some]])
    return torch.cat(maps) if maps else torch.empty(0, 1, 1)


def _perturbation_metrics(scores: AopcScores) -> dict[str, float | None]:
    aopc, control = scores.aopc, scores.aopc_random
    gain = None if aopc is None or control is None else aopc - control
    return {"aopc": aopc, "aopc_random": control, "aopc_gain": gain}


def _curves(scores: AopcScores) -> dict[str, Tensor]:
    """Curves of the images together, and areas image by image; without an image only the latter, empty."""
    per_image = {
        "aopc_per_image": area_over_curve(scores.probabilities),
        "random_aopc_per_image": area_over_curve(scores.random_probabilities),
    }
    if not len(scores.probabilities):
        return per_image
    return per_image | {
        "curve": scores.probabilities.mean(0),
        "random_curve": scores.random_probabilities.mean(0),
        "aopc_by_step": area_by_step(scores.probabilities),
        "random_aopc_by_step": area_by_step(scores.random_probabilities),
    }


def _localisation(
    images: ImageSet, rows: NDArray[np.int64], maps: Tensor
) -> tuple[dict[str, float | None], tuple[str, ...]]:
    if images.masks is None:
        return {}, ()
    found = localise(maps, torch.from_numpy(np.array(images.masks[rows])))
    values = {
        "pointing_game": found.pointing_game,
        "energy_inside": found.energy_inside,
        "mask_share": found.mask_share,
    }
    metrics = {name: float(value.double().mean()) if len(value) else None for name, value in values.items()}
    remark = f"Localisation leaves out {found.without_mask} of {len(rows)} images, whose mask is empty."
    return metrics, (remark,) if found.without_mask else ()


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


def _gallery(
    classifier: Classifier, images: ImageSet, order: NDArray[np.int64], predicted: Tensor
) -> dict[str, Tensor]:
    rows = gallery_rows(images.targets, predicted.numpy(), order)
    maps = predicted_class_maps(classifier, images, rows, predicted)
    height, width = images.pixels.shape[1:]
    gallery = {
        "gallery/pixels": torch.from_numpy(np.array(images.pixels[rows])),
        "gallery/maps": upsample(maps[:, None], (height, width))[:, 0],
        "gallery/predicted": predicted[rows],
        "gallery/targets": torch.from_numpy(np.array(images.targets[rows])),
        "gallery/rows": torch.from_numpy(rows),
    }
    if images.masks is not None:
        gallery["gallery/masks"] = torch.from_numpy(np.array(images.masks[rows]))
    return gallery


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


def _require_same_order(predictions: Predictions, images: ImageSet) -> None:
    if predictions.image_ids != images.image_ids:
        raise ValueError(
            f"The predictions on {predictions.split!r} ({len(predictions)}) and the images of the split ({len(images)}) "
            "are not the same in the same order. Predict the split again from these images."
        )


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
