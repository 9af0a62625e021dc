"""All methods that explain a prediction, under one call: maps of one class an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from trainables.explain.aopc import BATCH_SIZE
from trainables.explain.grad_cam import grad_cam
from trainables.models.classifier import Classifier

Explain: TypeAlias = Callable[[Classifier, Tensor, Tensor, int], Tensor]


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to explain a class.

    Attributes:
        name: as users write it.
        source: where it comes from.
        explain: (classifier, images [batch, 1, height, width], classes [batch], seed) to maps [batch, rows, columns], at the
            resolution of the method; non-negative, so that a larger value means more relevance.
        refuses: why it cannot explain a network; empty if it can.
        deterministic: whether the seed changes nothing.
    """

    name: str
    source: str
    explain: Explain
    refuses: Callable[[Classifier], str] = lambda _: ""
    deterministic: bool = True


def _grad_cam(classifier: Classifier, images: Tensor, classes: Tensor, seed: int) -> Tensor:
    maps = grad_cam(classifier, images)
    return maps[torch.arange(len(images), device=maps.device), classes.to(maps.device)]


METHODS: Mapping[str, Method] = {
    "grad_cam": Method(name="grad_cam", source="Selvaraju et al. 2017", explain=_grad_cam),
}


def saliency_maps(
    classifier: Classifier,
    images: Tensor,
    classes: Tensor,
    method: str = "grad_cam",
    *,
    seed: int = 0,
    batch_size: int | None = None,
) -> Tensor:
    """Maps of one class an image, [images, rows, columns] on the CPU, non-negative.

    The network is explained in eval mode and left as it was: its mode, its gradients, no hook.

    Args:
        classifier: on the device that it is to run on.
        images: [images, 1, height, width], intensities in [0, 1].
        classes: [images], the class or label to explain.
        method: one of `METHODS`.
        seed: of methods that draw.
        batch_size: images at a time, or None for the device's best.

    Raises:
        ValueError: an unknown method, or one that is not defined for this network.
    """
    chosen = require_method(method, classifier)
    device = next(classifier.parameters()).device
    size = batch_size or BATCH_SIZE.get(device.type, 64)
    parts = [
        chosen.explain(classifier, some.to(device), of.to(device), seed).cpu()
        for some, of in zip(torch.split(images, size), torch.split(classes, size), strict=True)
    ]
    return torch.cat(parts) if len(images) else torch.empty(0, 1, 1)


def require_method(name: str, classifier: Classifier | None = None) -> Method:
    """The method of that name.

    Raises:
        ValueError: there is none, or it is not defined for this network.
    """
    from trainables.spec import nearest

    if name not in METHODS:
        raise ValueError(f"There is no explanation method {name!r}. {nearest(name, METHODS)}")
    method = METHODS[name]
    if classifier is not None and (reason := method.refuses(classifier)):
        raise ValueError(f"{name} cannot explain this network: {reason}")
    return method
