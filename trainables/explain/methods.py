"""All methods that explain a prediction, under one call: maps of one class an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from trainables.explain.aopc import BATCH_SIZE
from trainables.explain.attentive import attentive
from trainables.explain.class_maps import cam, grad_cam_of, grad_cam_pp, hires_cam, refuses_cam
from trainables.explain.covering import occlusion, rise, rise_of_labels
from trainables.explain.input_gradients import (
    gradient,
    guided_backprop,
    integrated_gradients,
    refuses_guided_backprop,
    smooth_grad,
)
from trainables.explain.relevance import lrp, refuses_lrp
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
        explain_label: the same of a label among several, where that differs: what a softmax enters into.
        of_a_class: whether maps of two classes differ; otherwise a map is of the whole network.
    """

    name: str
    source: str
    explain: Explain
    refuses: Callable[[Classifier], str] = lambda _: ""
    deterministic: bool = True
    explain_label: Explain | None = None
    of_a_class: bool = True


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(name="grad_cam", source="Selvaraju et al. 2017", explain=grad_cam_of),
        Method(name="cam", source="Zhou et al. 2016", explain=cam, refuses=refuses_cam),
        Method(name="grad_cam_pp", source="Chattopadhay et al. 2018", explain=grad_cam_pp),
        Method(name="hires_cam", source="Draelos and Carin 2020", explain=hires_cam),
        Method(name="gradient", source="Simonyan et al. 2014", explain=gradient),
        Method(name="smooth_grad", source="Smilkov et al. 2017", explain=smooth_grad, deterministic=False),
        Method(name="integrated_gradients", source="Sundararajan et al. 2017", explain=integrated_gradients),
        Method(
            name="guided_backprop",
            source="Springenberg et al. 2015",
            explain=guided_backprop,
            refuses=refuses_guided_backprop,
        ),
        Method(name="occlusion", source="Zeiler and Fergus 2014", explain=occlusion),
        Method(name="lrp", source="Bach et al. 2015", explain=lrp, refuses=refuses_lrp),
        Method(
            name="attentive",
            source="Kumar et al. (paper P4)",
            explain=attentive,
            refuses=refuses_guided_backprop,
            of_a_class=False,
        ),
        Method(
            name="rise",
            source="Petsiuk et al. 2018",
            explain=rise,
            explain_label=rise_of_labels,
            deterministic=False,
        ),
    )
}


def saliency_maps(
    classifier: Classifier,
    images: Tensor,
    classes: Tensor,
    method: str = "grad_cam",
    *,
    seed: int = 0,
    batch_size: int | None = None,
    of_labels: bool = False,
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
        of_labels: whether classes are labels that do not exclude each other.

    Raises:
        ValueError: an unknown method, or one that is not defined for this network.
    """
    chosen = require_method(method, classifier)
    explain = chosen.explain_label if of_labels and chosen.explain_label is not None else chosen.explain
    device = next(classifier.parameters()).device
    size = batch_size or BATCH_SIZE.get(device.type, 64)
    parts = [
        explain(classifier, some.to(device), of.to(device), seed).cpu()
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
