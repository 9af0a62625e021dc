"""Post-hoc task: attentive response maps of a few images, with those of the most activated units one by one (paper P4)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.explain.attentive import Responses, attentive_responses
from trainables.explain.methods import require_method
from trainables.models.classifier import Classifier
from trainables.posthoc.aopc import gallery_targets
from trainables.posthoc.compared import in_turn_of_classes
from trainables.posthoc.explained import explained_classes, intensities, seeded_order
from trainables.posthoc.interface import PosthocResult, TrainedNetwork
from trainables.spec import AttentiveMaps


def run(task: AttentiveMaps, network: TrainedNetwork) -> PosthocResult:
    """Project the most activated units of a few images of a split back to them.

    The predictions of the one pass after training say which images are correct; up to half of the images are wrong ones. Of
    several labels the most probable one is said, and images that have none at all are left out. The
    only metric is `<split>/winning_units`, the mean number of units that give the largest response somewhere.

    Tensors, a row an image: `gallery/pixels` [images, height, width]; `/dominant` and `/individual` [images, shown, height,
    width], divided by the image's largest response, which is `/scale`; `/winners` [images, height, width], places in `/units`
    [images, n], the channels of the last feature map with the most activated first; `/activations` [images, n]; `/targets`,
    `/predicted`, `/rows`.

    Raises:
        ValueError: the network's non-linearities are not ReLU, or images and predictions of the split are not in the same order.
    """
    started = time.perf_counter()
    predictions, images = network.predictions(task.split), network.images(task.split)
    if predictions.image_ids != images.image_ids:
        raise ValueError(
            f"The predictions on {task.split!r} ({len(predictions)}) and the images of the split ({len(images)}) are not the "
            "same in the same order. Predict the split again from these images."
        )
    classifier = network.classifier().to("cuda" if torch.cuda.is_available() else "cpu")
    require_method("attentive", classifier)
    predicted = explained_classes(predictions)[0].numpy()
    targets, is_known = gallery_targets(images.targets, predicted)
    order = seeded_order(images.image_ids, task.seed)
    rows = shown_rows(targets, predicted, order[is_known[order]], task.images)
    responses = [_responses(classifier, image, task.units) for image in intensities(images, rows)]
    tensors = {
        "gallery/pixels": torch.from_numpy(np.array(images.pixels[rows])),
        "gallery/targets": torch.from_numpy(targets[rows]),
        "gallery/predicted": torch.from_numpy(predicted[rows]),
        "gallery/rows": torch.from_numpy(rows),
        **_gallery(responses, max(task.shown, default=0)),
    }
    winning = [float(len(torch.unique(each.winners))) for each in responses]
    return PosthocResult(
        metrics={f"{task.split}/winning_units": float(np.mean(winning)) if winning else None},
        tensors=tensors,
        remarks=tuple(_remarks(task, tensors)),
        seconds={"maps": time.perf_counter() - started},
    )


def shown_rows(
    targets: NDArray[np.int64], predicted: NDArray[np.int64], order: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Rows of correctly predicted images and then of wrong ones, each in turn of the classes; half and half where possible."""
    is_right = predicted[order] == targets[order]
    right, wrong = (in_turn_of_classes(order[some], targets) for some in (is_right, ~is_right))
    most_wrong = max(count // 2, count - len(right))
    wrong = wrong[:most_wrong]
    return np.concatenate([right[: count - len(wrong)], wrong])


def _responses(classifier: Classifier, image: Tensor, units: int) -> Responses:
    """Of one image at a time: n maps of each are memory enough."""
    device = next(classifier.parameters()).device
    found = attentive_responses(classifier, image[None].to(device), units=units)
    return Responses(units=found.units.cpu(), activations=found.activations.cpu(), individual=found.individual.cpu())


def _gallery(responses: list[Responses], shown: int) -> dict[str, Tensor]:
    if not responses:
        return {}
    scale = torch.stack([each.individual.abs().amax() for each in responses]).clamp_min(torch.finfo(torch.float32).tiny)
    by_image = scale[:, None, None]
    return {
        "gallery/units": torch.cat([each.units for each in responses]),
        "gallery/activations": torch.cat([each.activations for each in responses]),
        "gallery/scale": scale,
        "gallery/dominant": (torch.cat([each.dominant for each in responses]) / by_image).half(),
        "gallery/winners": torch.cat([each.winners for each in responses]).to(torch.int16),
        "gallery/individual": (
            torch.cat([each.individual[:, :shown] for each in responses]) / by_image[:, None]
        ).half(),
    }


def _remarks(task: AttentiveMaps, tensors: dict[str, Tensor]) -> Iterator[str]:
    units = tensors.get("gallery/units")
    if units is not None and units.shape[1] < task.units:
        yield f"The last feature map has {units.shape[1]} units, fewer than the {task.units} asked for: all of them are taken."
    if bool((tensors["gallery/targets"] == tensors["gallery/predicted"]).all()):
        yield f"The network predicts every image of {task.split} correctly, so no wrong one is shown."
