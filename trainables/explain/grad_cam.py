"""Grad-CAM maps of all classes from one forward pass (Selvaraju et al. 2017; papers P2 and P3)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.models.classifier import Classifier


def grad_cam(classifier: Classifier, images: Tensor) -> Tensor:
    """Grad-CAM maps of every class, [batch, classes, rows, columns], non-negative, at the feature map's resolution.

    `L_c = ReLU(sum_k a_k^c A^k)` with `a_k^c` the mean over positions of `d y_c / d A^k` (P3, eq. 1), A the last feature
    map and y the logits before the softmax. The network is explained in eval mode, whatever mode it is in, and left in
    the mode it was in; no hook is used, no gradient lands in its parameters.

    Args:
        classifier: the network, on the device of the images.
        images: [batch, 1, height, width], intensities in [0, 1].
    """
    with torch.inference_mode(False), in_eval_mode(classifier):
        with torch.no_grad():
            feature_map = classifier.feature_map(images)
        with torch.enable_grad():
            feature_map = feature_map.detach().requires_grad_()
            logits = classifier.logits_of(feature_map)
            return torch.relu(signed_maps(logits, feature_map)).detach()


def signed_maps(logits: Tensor, feature_map: Tensor, *, create_graph: bool = False) -> Tensor:
    """Grad-CAM maps of every class before their ReLU, [batch, classes, rows, columns].

    One batched backward pass through pooling and head serves all classes, for any pooling. After global average pooling
    and a linear head the weights it finds are `W / (rows * columns)`.

    Args:
        logits: [batch, classes], made from `feature_map` image by image.
        feature_map: [batch, channels, rows, columns], part of the graph of the logits.
        create_graph: whether the maps are to be differentiated themselves.
    """
    batch, classes = logits.shape
    one_hot = torch.eye(classes, dtype=logits.dtype, device=logits.device)[:, None].expand(classes, batch, classes)
    (gradients,) = torch.autograd.grad(
        logits, feature_map, one_hot, retain_graph=True, create_graph=create_graph, is_grads_batched=True
    )
    weights = gradients.mean(dim=(-2, -1))
    return torch.einsum("kbc,bcij->bkij", weights, feature_map)


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps [batch, classes, rows, columns] enlarged to `size` (height, width) bilinearly, pixel centres aligned."""
    return functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)


@contextmanager
def in_eval_mode(module: nn.Module) -> Iterator[None]:
    """Eval mode inside, the mode of every submodule as it was after it."""
    were_training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in were_training:
            part.training = True
