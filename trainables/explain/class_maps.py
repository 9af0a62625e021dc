"""Maps made from the last feature map and its gradients: CAM and the relatives of Grad-CAM."""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.explain.grad_cam import grad_cam, in_eval_mode
from trainables.models.classifier import Classifier


def grad_cam_of(classifier: Classifier, images: Tensor, classes: Tensor, seed: int = 0) -> Tensor:
    """The Grad-CAM map of one class an image, [batch, rows, columns]."""
    maps = grad_cam(classifier, images)
    return maps[torch.arange(len(images), device=maps.device), classes]


def cam(classifier: Classifier, images: Tensor, classes: Tensor, seed: int = 0) -> Tensor:
    """`ReLU(sum_k w_k^c A^k)` with w the weights of the head (Zhou et al. 2016; papers P0 and P1), [batch, rows, columns].

    Defined where the head follows global average pooling at once; see `refuses_cam`.
    """
    with torch.no_grad(), in_eval_mode(classifier):
        feature_map = classifier.feature_map(images)
        weights = classifier.head.weight[classes].to(feature_map.dtype)
        return torch.relu(torch.einsum("bk,bkij->bij", weights, feature_map))


def refuses_cam(classifier: Classifier) -> str:
    """Why a network has no CAM; empty if it has one."""
    if classifier.global_average:
        return ""
    return (
        "a class activation map needs global average pooling and one linear layer at the end, and this network has other "
        "layers there. Take grad_cam, which is the same where both are defined"
    )


def hires_cam(classifier: Classifier, images: Tensor, classes: Tensor, seed: int = 0) -> Tensor:
    """`ReLU(sum_k (d y_c / d A^k) * A^k)`, product by position and not by channel (Draelos and Carin 2020)."""
    feature_map, gradients = _map_and_gradients(classifier, images, classes)
    return torch.relu((gradients * feature_map).sum(1))


def grad_cam_pp(classifier: Classifier, images: Tensor, classes: Tensor, seed: int = 0) -> Tensor:
    """Grad-CAM++ (Chattopadhay et al. 2018, equations 10, 11 and 19).

    With `g = d y_c / d A^k` and the class score `exp(y_c)` the weights are `sum_ij a_ij ReLU(g_ij)`,
    `a_ij = g_ij^2 / (2 g_ij^2 + g_ij^3 sum_ab A_ab)`, and 0 where g is 0. The factor `exp(y_c)` is left out: it scales a map.
    """
    feature_map, gradients = _map_and_gradients(classifier, images, classes)
    square = gradients.square()
    denominator = 2 * square + square * gradients * feature_map.sum((2, 3), keepdim=True)
    share = torch.where(denominator.abs() > torch.finfo(square.dtype).tiny, square / denominator, 0.0)
    weights = (share.nan_to_num(0.0, 0.0, 0.0) * torch.relu(gradients)).sum((2, 3))
    return torch.relu(torch.einsum("bk,bkij->bij", weights, feature_map))


def _map_and_gradients(classifier: Classifier, images: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """The last feature map and `d y_c / d A` of one class an image, both [batch, channels, rows, columns]."""
    with torch.inference_mode(False), in_eval_mode(classifier):
        with torch.no_grad():
            feature_map = classifier.feature_map(images)
        with torch.enable_grad():
            feature_map = feature_map.detach().requires_grad_()
            chosen = classifier.logits_of(feature_map).gather(1, classes[:, None]).sum()
            (gradients,) = torch.autograd.grad(chosen, feature_map)
    return feature_map.detach(), gradients
