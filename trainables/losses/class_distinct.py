"""The saliency losses of paper P2: maps of different classes look at different places, each at a coherent one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from trainables.explain.grad_cam import signed_maps
from trainables.losses.interface import at_least_float32
from trainables.losses.saliency import class_similarity, latent_similarity
from trainables.losses.spatial_coherence import spatial_coherence
from trainables.models.classifier import Classifier


def class_distinct(
    classifier: Classifier,
    images: Tensor,
    targets: Tensor,
    *,
    lambda_cd: float,
    representation: Literal["maps", "network"] = "maps",
    lambda_sc: float = 0.0,
    sc_resolution: int | None = None,
    of_logits: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
    mapped: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`L = cross entropy + lambda_cd L_CD + lambda_sc L_SC`, and the logits (P2's L_Total).

    Under `torch.no_grad()` or `torch.inference_mode()` the same number comes back without a graph.

    Args:
        classifier: in the mode that the caller has set.
        images: [batch, 1, height, width], intensities in [0, 1].
        targets: whatever `of_logits` takes.
        lambda_cd: weight of L_CD.
        representation: what L_CD compares, the maps (`class_similarity`) or what the network makes of them
            (`latent_similarity`), which costs another pass over as many images as there are maps.
        lambda_sc: weight of L_SC (`spatial_coherence`).
        sc_resolution: side in pixels of the maps that L_SC looks at, or None for that of the feature map.
        of_logits: the other term, from logits and targets.
        mapped: numbers of the classes or labels whose maps are looked at; all of them where left out.
    """
    wants_gradient = torch.is_grad_enabled()
    with torch.inference_mode(False), torch.set_grad_enabled(wants_gradient):
        logits, maps = logits_and_maps(classifier, images)
        maps = maps if mapped is None else maps[:, mapped.to(maps.device)]
        loss = of_logits(logits, targets)
        if lambda_cd and representation == "network":
            loss = loss + lambda_cd * latent_similarity(classifier, maps, (images.shape[-2], images.shape[-1]))
        elif lambda_cd:
            loss = loss + lambda_cd * class_similarity(maps)
        if lambda_sc:
            loss = loss + lambda_sc * spatial_coherence(maps, resolution=sc_resolution)
    return loss, logits


def logits_and_maps(classifier: Classifier, images: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and signed Grad-CAM maps of all classes from one pass of the backbone, in float32 or better.

    The derivative that weighs the channels goes from the logits to the last feature map and no further, so it costs
    next to nothing. The gradient of what is made of the maps is complete all the same: it reaches the head through the
    weights (a second derivative, of pooling and head alone) and the backbone through the feature map, on the same
    backward pass as the cross entropy's.

    In training the maps are those of the network with the dropout mask that made these logits: one pass serves both
    terms, and since dropout keeps a channel's mean, the channels' weights are right in the mean.
    """
    wants_gradient = torch.is_grad_enabled()
    feature_map = classifier.feature_map(images)
    if not feature_map.requires_grad:  # no_grad or a frozen backbone: the maps still need the derivative up to here
        feature_map = feature_map.detach()
    with torch.enable_grad():
        feature_map.requires_grad_()
        logits = classifier.logits_of(feature_map)
        maps = signed_maps(logits, feature_map, create_graph=wants_gradient)
    if not wants_gradient:
        logits, maps = logits.detach(), maps.detach()
    return at_least_float32(logits), at_least_float32(maps)
