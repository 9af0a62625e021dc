"""L_CD of paper P2: the maps of different classes shall look at different places."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from trainables.explain.grad_cam import signed_maps
from trainables.models.classifier import Classifier

SMALLEST_SHARE = 1e-3
"""A map whose positive part is under this share of the whole (in norm) counts as nearly absent, see `class_similarity`."""


def class_similarity(maps: Tensor) -> Tensor:
    """L_CD: mean over images and class pairs of the cosine similarity of the positive parts of the maps.

    `L_CD = 2 / (K (K - 1)) * sum_{c1 < c2} cos(Z_c1, Z_c2)` (P2, section 3.1.1; Mahapatra et al. 2022), here with
    `Z_c = ReLU(map_c)`, the Grad-CAM map itself. It lies in [0, 1].

    The sum over pairs is `(|sum_c u_c|^2 - sum_c |u_c|^2) / 2` for unit vectors u_c, without a loop over pairs.

    A map without a positive part has similarity 0 to every other and no gradient, and so has the only class of K = 1. A
    cosine's gradient grows without bound as a map vanishes; so the norm that divides a map is at least
    `SMALLEST_SHARE` of the norm of the signed map, and the gradient stays bounded.

    Args:
        maps: [batch, classes, rows, columns], signed.
    """
    classes = maps.shape[1]
    if classes < 2:
        return maps.sum() * 0.0
    signed = maps.flatten(2)
    positive = torch.relu(signed)
    floor = (SMALLEST_SHARE * signed.detach().norm(dim=2, keepdim=True)).clamp_min(1e-12)
    norms = torch.maximum(torch.linalg.vector_norm(positive, dim=2, keepdim=True), floor)
    units = positive / norms
    pairs = (units.sum(1).square().sum(1) - units.square().sum((1, 2))) / 2
    return (pairs * (2 / (classes * (classes - 1)))).mean()


def class_distinct(
    classifier: Classifier,
    images: Tensor,
    targets: Tensor,
    *,
    lambda_cd: float,
    of_logits: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
    mapped: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`L = cross entropy + lambda_cd L_CD`, and the logits, from one pass of the backbone (P2's L_Total, lambda_2 = 0).

    The derivative that weighs the channels goes from the logits to the last feature map and no further, so it costs
    next to nothing. The gradient of L_CD itself is complete: it reaches the head through the weights (a second
    derivative, of pooling and head alone) and the backbone through the feature map, on the same backward pass as the
    cross entropy's.

    In training the maps are those of the network with the dropout mask that made these logits: one pass serves both
    terms, and since dropout keeps a channel's mean, the channels' weights are right in the mean.

    Under `torch.no_grad()` or `torch.inference_mode()` the same number comes back without a graph.

    Args:
        classifier: in the mode that the caller has set.
        images: [batch, 1, height, width], intensities in [0, 1].
        targets: whatever `of_logits` takes.
        lambda_cd: weight of L_CD.
        of_logits: the other term, from logits and targets.
        mapped: numbers of the classes or labels whose maps L_CD compares; all of them where left out.
    """
    wants_gradient = torch.is_grad_enabled()
    with torch.inference_mode(False), torch.set_grad_enabled(wants_gradient):
        feature_map = classifier.feature_map(images)
        if not feature_map.requires_grad:  # no_grad or a frozen backbone: the maps still need the derivative up to here
            feature_map = feature_map.detach()
        with torch.enable_grad():
            feature_map.requires_grad_()
            logits = classifier.logits_of(feature_map)
            maps = signed_maps(logits, feature_map, create_graph=wants_gradient)
        if not wants_gradient:
            logits, maps = logits.detach(), maps.detach()
        logits = at_least_float32(logits)
        if mapped is not None:
            maps = maps[:, mapped.to(maps.device)]
        loss = of_logits(logits, targets) + lambda_cd * class_similarity(at_least_float32(maps))
    return loss, logits


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision (what autocast leaves) to float32; float32 and float64 as they are."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
