"""Grad-CAM maps as images, and the similarity of what belongs to different classes."""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.explain.grad_cam import in_eval_mode, upsample
from trainables.losses.interface import at_least_float32
from trainables.models.classifier import Classifier

SMALLEST_SHARE = 1e-3
"""A map whose positive part is under this share of the whole counts as nearly absent: what divides it is no smaller."""


def class_similarity(maps: Tensor) -> Tensor:
    """L_CD: mean over images and class pairs of the cosine similarity of the positive parts of the maps.

    `L_CD = 2 / (K (K - 1)) * sum_{c1 < c2} cos(Z_c1, Z_c2)` (P2, section 3.1.1; Mahapatra et al. 2022), here with
    `Z_c = ReLU(map_c)`, the Grad-CAM map itself. It lies in [0, 1].

    A map without a positive part has similarity 0 to every other and no gradient, and so has the only class of K = 1. A
    cosine's gradient grows without bound as a map vanishes; so the norm that divides a map is at least
    `SMALLEST_SHARE` of the norm of the signed map, and the gradient stays bounded. Maps that are not finite make it NaN.

    Args:
        maps: [batch, classes, rows, columns], signed.
    """
    if maps.shape[1] < 2:
        return maps.sum() * 0.0
    signed = maps.flatten(2)
    positive = torch.relu(signed)
    floor = (SMALLEST_SHARE * signed.detach().norm(dim=2, keepdim=True)).clamp_min(1e-12)
    return _mean_cosine(positive, floor)


def latent_similarity(classifier: Classifier, maps: Tensor, size: tuple[int, int]) -> Tensor:
    """L_CD with the paper's Z: the maps are fed through the network, and their last feature maps are compared.

    Each map becomes an image, in [0, 1] at the size of the network's input (see `intensities`), and Z_c is its feature
    map. That pass is made in eval mode: batch norm takes the statistics that it has learnt on radiographs, so that maps
    neither change them nor look at each other. Its gradient is complete: to the weights of the backbone, and through the
    maps to whatever made them.

    A map without a positive part, a black image, has similarity 0 to every other and no gradient, and so has the only
    class of K = 1. Maps that are not finite make it NaN.

    Args:
        classifier: in any mode, which is left as it was.
        maps: [batch, classes, rows, columns], signed.
        size: height and width of the network's input.
    """
    if maps.shape[1] < 2:
        return maps.sum() * 0.0
    shown = intensities(maps, size)
    images = shown.flatten(0, 1)[:, None].contiguous(memory_format=torch.channels_last)
    with in_eval_mode(classifier.backbone):
        latent = at_least_float32(classifier.feature_map(images)).reshape(*shown.shape[:2], -1)
    black = (shown.detach() == 0).all(-1).all(-1)[..., None]
    return _mean_cosine(latent * ~black, latent.new_tensor(1e-8))


def intensities(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Positive parts of maps, upsampled bilinearly to `size` and divided by their largest value, in [0, 1].

    What divides a map is at least `SMALLEST_SHARE` of the largest absolute value of the signed one.

    Args:
        maps: [batch, classes, rows, columns], signed.
        size: height and width.
    """
    positive = torch.relu(maps)
    floor = (SMALLEST_SHARE * maps.detach().abs().amax(dim=(-2, -1), keepdim=True)).clamp_min(1e-12)
    enlarged = positive if positive.shape[-2:] == size else upsample(positive, size)
    return enlarged / torch.maximum(enlarged.amax(dim=(-2, -1), keepdim=True), floor)


def _mean_cosine(vectors: Tensor, floor: Tensor) -> Tensor:
    """Mean over images and pairs of classes of the cosine of vectors [batch, classes, numbers], two classes at least.

    The sum over pairs is `(|sum_c u_c|^2 - sum_c |u_c|^2) / 2` for unit vectors u_c, without a loop over pairs. A norm
    that divides is at least `floor`.
    """
    classes = vectors.shape[1]
    norms = torch.maximum(torch.linalg.vector_norm(vectors, dim=2, keepdim=True), floor)
    units = vectors / norms
    pairs = (units.sum(1).square().sum(1) - units.square().sum((1, 2))) / 2
    return (pairs * (2 / (classes * (classes - 1)))).mean()
