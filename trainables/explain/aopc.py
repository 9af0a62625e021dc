"""The area over the perturbation curve (Samek et al. 2017; paper P3).

Regions of an image are perturbed one after another, the most relevant first, and the network's probability for the class
it had predicted is followed: `x_0 = x`, `x_k = g(x_{k-1}, r_k)`,
`AOPC = 1 / (L + 1) * mean over images of sum_{k=1..L} [f(x_0) - f(x_k)]` (P3, eq. 2).

Conventions that P3 leaves open: g adds normal noise to intensities in [0, 1] and clips the sum to [0, 1]; f is the
softmax probability, of several members their mean. Every region is perturbed once, so one perturbed image makes all of the
x_k: x_k shows it inside the first k regions. Other perturbations, orders and outputs are options, each a convention of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from trainables.explain.grad_cam import in_eval_mode
from trainables.explain.outputs import Followed, probabilities
from trainables.explain.perturbations import generator_of, perturbed_images
from trainables.explain.pooled import Pooled
from trainables.explain.regions import Regions, least_relevant_first, most_relevant_first
from trainables.models.classifier import Classifier
from trainables.spec import Perturbation, RegionOrder

BATCH_SIZE = {"cpu": 8, "cuda": 256}
"""Perturbed images a forward pass; on a CPU few are faster than many."""


@dataclass(frozen=True, kw_only=True)
class AopcScores:
    """Perturbation curves of some images, in the maps' order and in a random order under the same noise.

    Attributes:
        probabilities: [images, L + 1], f(x_0) to f(x_L), regions in the maps' order; other outputs where they are followed.
        random_probabilities: [images, L + 1], the same images and noise, regions in a random order.
        regions: the grid whose L regions were perturbed.
        flat_maps: how many maps have the same value in every region, so that their order is only the numbering.
    """

    probabilities: Tensor
    random_probabilities: Tensor
    regions: Regions
    flat_maps: int

    @property
    def aopc(self) -> float | None:
        """AOPC of the maps, or None without an image."""
        return _mean(area_over_curve(self.probabilities))

    @property
    def aopc_random(self) -> float | None:
        """AOPC of the random order, or None without an image: what a map that knows nothing reaches."""
        return _mean(area_over_curve(self.random_probabilities))


def score_maps(
    classifier: Classifier | Pooled,
    images: Tensor,
    maps: Tensor,
    *,
    predicted: Tensor,
    image_ids: Sequence[str],
    cells: int | None = None,
    noise: float = 0.1,
    seed: int = 0,
    batch_size: int | None = None,
    order: RegionOrder = "most_relevant_first",
    perturbation: Perturbation = "noise",
    value: Followed = probabilities,
) -> AopcScores:
    """Perturbation curves of images along their maps, and along a random order as a control.

    Pass correctly predicted images only, as P3 does. It costs L + 1 forward passes an image, and L - 1 for the control,
    whose first and last image are the same (L of `neighbours`, whose last one is not). The network is read in eval mode.

    Args:
        classifier: the network that is explained.
        images: [images, 1, height, width], intensities in [0, 1].
        maps: [images, rows, columns], the map of each image's predicted class, at any resolution.
        predicted: [images], the class predicted on the unperturbed image.
        image_ids: names of the images; noise and random order are drawn from them and the seed.
        cells: the image is cut into cells x cells regions, or None for the maps' own grid.
        noise: standard deviation of the noise on intensities in [0, 1].
        seed: of the noise and the random order.
        batch_size: perturbed images a forward pass, or None for the device's best.
        order: of the regions, by the maps.
        perturbation: what a perturbed region shows.
        value: what is followed.

    Raises:
        ValueError: arguments about different numbers of images, non-finite maps, negative noise.
    """
    _check(images, maps, predicted, image_ids, noise)
    height, width = images.shape[2:]
    rows, columns = (cells, cells) if cells is not None else (maps.shape[1], maps.shape[2])
    regions = Regions.of(height=height, width=width, rows=rows, columns=columns)
    relevance = regions.relevance(maps)
    count = len(regions)
    perturb = partial(perturbed_images, images, image_ids, how=perturbation, noise=noise, seed=seed, regions=regions)
    curves = partial(perturbation_curves, classifier, images, regions=regions, batch_size=batch_size, value=value)
    ranked = most_relevant_first(relevance) if order == "most_relevant_first" else least_relevant_first(relevance)
    drawn = random_order(image_ids, regions=count, seed=seed)
    perturbed = perturb(order=ranked)
    along = curves(perturbed, predicted, order=ranked)
    if perturbation == "neighbours":  # whose last image depends on the order
        between = curves(perturb(order=drawn), predicted, order=drawn, steps=range(1, count + 1))
        control = torch.cat([along[:, :1], between], dim=1)
    else:
        between = curves(perturbed, predicted, order=drawn, steps=range(1, count))
        control = torch.cat([along[:, :1], between, along[:, -1:]], dim=1)
    return AopcScores(
        probabilities=along,
        random_probabilities=control,
        regions=regions,
        flat_maps=int((relevance.amax(1) == relevance.amin(1)).sum()) if len(images) else 0,
    )


def perturbation_curves(
    classifier: Classifier | Pooled,
    images: Tensor,
    perturbed: Tensor,
    predicted: Tensor,
    *,
    order: Tensor,
    regions: Regions,
    steps: Sequence[int] | None = None,
    batch_size: int | None = None,
    value: Followed = probabilities,
) -> Tensor:
    """f(x_k) of every image at the given steps, [images, steps], in float32 on the CPU.

    Args:
        classifier: read in eval mode.
        images: [images, 1, height, width].
        perturbed: the same images with every region perturbed.
        predicted: [images], whose probability is followed.
        order: [images, regions], the regions in the order in which they are perturbed.
        regions: the grid.
        steps: numbers k of perturbed regions; all from 0 to L if None.
        batch_size: perturbed images a forward pass, or None for the device's best.
        value: the f that is followed.
    """
    device = next(classifier.parameters()).device
    images, perturbed, predicted, order = (part.to(device) for part in (images, perturbed, predicted, order))
    step_of = torch.tensor(range(len(regions) + 1) if steps is None else steps, dtype=torch.int64, device=device)
    rank = order.argsort(dim=1)  # of each region: how many are perturbed before it
    region_of_pixel = regions.of_pixels().to(device)
    pairs = torch.arange(len(images) * len(step_of), device=device)
    values = torch.empty(len(pairs), device=device)
    batch_size = batch_size or BATCH_SIZE.get(device.type, 64)
    with torch.no_grad(), in_eval_mode(classifier):
        for start in range(0, len(pairs), batch_size):
            chunk = pairs[start : start + batch_size]
            image = chunk // len(step_of)
            is_perturbed = rank[image] < step_of[chunk % len(step_of)][:, None]
            mask = is_perturbed[:, region_of_pixel][:, None]
            of_classes = value(classifier, torch.where(mask, perturbed[image], images[image]))
            values[chunk] = of_classes.gather(1, predicted[image][:, None]).squeeze(1)
    return values.reshape(len(images), len(step_of)).cpu()


def area_over_curve(probabilities: Tensor) -> Tensor:
    """`1 / (L + 1) * sum_{k=1..L} [f(x_0) - f(x_k)]` of each image, from [images, L + 1]; the AOPC is its mean."""
    return (probabilities[:, :1] - probabilities).mean(dim=1)


def area_by_step(probabilities: Tensor) -> Tensor:
    """The AOPC after each step, [L + 1]: step m has `1 / (m + 1) * mean of sum_{k=1..m} [f(x_0) - f(x_k)]` (P3, Fig. 8)."""
    return areas_by_step(probabilities).mean(0).float()


def areas_by_step(probabilities: Tensor) -> Tensor:
    """The same of each image, [images, L + 1] in double precision."""
    falls = (probabilities[:, :1] - probabilities).double()
    counts = torch.arange(1, falls.shape[1] + 1, dtype=torch.float64)
    return falls.cumsum(1) / counts


def random_order(image_ids: Sequence[str], *, regions: int, seed: int) -> Tensor:
    """A random order of the regions for each image, [images, regions], drawn from its id and the seed."""
    orders = [torch.randperm(regions, generator=generator_of(seed, "order", name)) for name in image_ids]
    return torch.stack(orders) if orders else torch.empty(0, regions, dtype=torch.int64)


def _mean(values: Tensor) -> float | None:
    return float(values.double().mean()) if len(values) else None


def _check(images: Tensor, maps: Tensor, predicted: Tensor, image_ids: Sequence[str], noise: float) -> None:
    counts = {len(images), len(maps), len(predicted), len(image_ids)}
    if len(counts) > 1 or images.ndim != 4 or maps.ndim != 3:
        raise ValueError(
            f"score_maps() was given images {tuple(images.shape)}, maps {tuple(maps.shape)}, {len(predicted)} predicted "
            f"classes and {len(image_ids)} ids. It wants [images, 1, height, width] and one map, class and id for each."
        )
    if not torch.isfinite(maps).all():
        raise ValueError(
            "score_maps() was given maps with non-finite values, which rank no regions. Check the network."
        )
    if not noise >= 0:
        raise ValueError(f"score_maps() was given noise {noise}; a standard deviation is 0 or above.")
