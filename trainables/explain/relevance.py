"""Layer-wise relevance propagation for networks that are a plain chain of layers (Bach et al. 2015).

captum's rules stop at timm's modules, so this is our own; on chains that captum reads a test compares both.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from trainables.explain.grad_cam import in_eval_mode
from trainables.models.classifier import Classifier

EPSILON = 1e-6
NO_CHAIN = (
    "its rules are for plain chains of convolutions, ReLU, pooling and dense layers (small_cnn, the papers' networks, VGG), "
    "and this network has other parts or skip connections. Take integrated_gradients"
)


class AtLeast(nn.Module):
    """A map that is smaller than a side is stretched to it by averages, as timm's VGG does in front of its dense layers."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, feature_map: Tensor) -> Tensor:
        """[batch, channels, rows, columns]."""
        if min(feature_map.shape[2:]) >= self.side:
            return feature_map
        rows, columns = (max(self.side, each) for each in feature_map.shape[2:])
        return functional.adaptive_avg_pool2d(feature_map, (rows, columns))


PASSED = (nn.ReLU, nn.Dropout, nn.Dropout2d, nn.Identity)
SHAPING = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Flatten, AtLeast)


def lrp(classifier: Classifier, images: Tensor, classes: Tensor, seed: int = 0) -> Tensor:
    """Relevance of the pixels for a class, [batch, height, width], negative as 0.

    Rules, from the logit down: epsilon in dense layers, z-plus in convolutions (Kohlbrenner et al. 2020, "LRP-CMP"), all
    of a maximum's relevance to the largest input, that of a mean by contribution. Batch norms are folded into the
    convolutions before them. In the first convolution, whose inputs may be negative after normalisation, the epsilon rule.
    """
    return torch.relu(relevance(classifier, images, classes))


@torch.no_grad()
def relevance(classifier: Classifier, images: Tensor, classes: Tensor, *, positive: bool = True) -> Tensor:
    """The same with its sign; without `positive` the epsilon rule is used in every layer.

    Raises:
        ValueError: the network is no plain chain.
    """
    layers = chain_of(classifier)
    if layers is None:
        raise ValueError(refuses_lrp(classifier))
    with in_eval_mode(classifier):
        mean, deviation = classifier.normalisation[0], classifier.normalisation[1]
        inputs = [(images - mean) / deviation]
        for layer in layers:
            inputs.append(layer(inputs[-1]))
        logits = inputs.pop()
        if not torch.allclose(logits, classifier(images), rtol=1e-3, atol=1e-4):
            raise ValueError(f"lrp cannot explain this network: {NO_CHAIN}")
        flow = torch.zeros_like(logits).scatter(1, classes[:, None], logits.gather(1, classes[:, None]))
        first = next(layer for layer in layers if isinstance(layer, nn.Conv2d))
        for layer, before in zip(reversed(layers), reversed(inputs), strict=True):
            if not isinstance(layer, PASSED):
                plus = positive and isinstance(layer, nn.Conv2d) and layer is not first
                flow = _propagate(layer, before, flow, plus=plus)
    return flow.sum(1)


def refuses_lrp(classifier: Classifier) -> str:
    """Why relevance cannot be propagated through a network; empty if it can."""
    if chain_of(classifier) is not None:
        return ""
    return NO_CHAIN


def chain_of(classifier: Classifier) -> list[nn.Module] | None:
    """The layers of a network that is a plain chain, batch norms folded away; None of any other.

    That the chain is the network is seen on random noise, so that nothing is misread.
    """
    parts = list(_parts(classifier))
    known = (*PASSED, *SHAPING, nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.BatchNorm1d)
    if not all(isinstance(part, known) for part in parts) or not any(isinstance(part, nn.Conv2d) for part in parts):
        return None
    layers = _without_norms([copy.deepcopy(part).eval() for part in parts])
    if layers is None:
        return None
    for layer in layers:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False
        layer.requires_grad_(False)
    return layers if _is_same(classifier, layers) else None


def _parts(classifier: Classifier) -> Iterator[nn.Module]:
    from trainables.models.timm_classifier import TimmBackbone

    if isinstance(classifier.backbone, TimmBackbone):
        network = classifier.backbone.network
        yield from _leaves(getattr(network, "features", network))
        dense: Any = getattr(network, "pre_logits", None)
        if dense is not None and hasattr(dense, "fc1"):
            yield AtLeast(dense.fc1.kernel_size[0])
            yield from (dense.fc1, dense.act1, dense.fc2, dense.act2)
        yield from (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    else:
        yield from _leaves(classifier.backbone)
        yield from _leaves(classifier.pooling)
    yield classifier.head


def _leaves(module: nn.Module) -> Iterator[nn.Module]:
    """The layers without layers in them, flattening layers of our own as plain ones."""
    from trainables.models.flatten_map import FlattenMap

    if isinstance(module, FlattenMap):
        yield nn.Flatten()
    elif not list(module.children()):
        yield module
    else:
        for child in module.children():
            yield from _leaves(child)


def _without_norms(layers: list[nn.Module]) -> list[nn.Module] | None:
    folded: list[nn.Module] = []
    for layer in layers:
        if not isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d):
            folded.append(layer)
        elif folded and isinstance(folded[-1], nn.Conv2d):
            folded[-1] = fuse_conv_bn_eval(folded[-1], layer)
        elif folded and isinstance(folded[-1], nn.Linear):
            folded[-1] = nn.utils.fusion.fuse_linear_bn_eval(folded[-1], layer)
        else:
            return None
    return folded


@torch.no_grad()
def _is_same(classifier: Classifier, layers: list[nn.Module]) -> bool:
    size = getattr(
        next((p for p in classifier.modules() if hasattr(p, "size") and hasattr(p, "shape")), None), "size", 64
    )
    parameter = next(classifier.parameters())
    probe = torch.linspace(0, 1, size * size, dtype=parameter.dtype, device=parameter.device).sin().abs()
    probe = probe.reshape(1, 1, size, size)
    with in_eval_mode(classifier):
        try:
            wanted = classifier(probe)
        except RuntimeError:  # dense layers that are made for images of another side
            return True
        found = (probe - classifier.normalisation[0]) / classifier.normalisation[1]
        try:
            for layer in layers:
                found = layer(found)
        except RuntimeError:  # shapes that do not fit: it is another network
            return False
    return found.shape == wanted.shape and torch.allclose(found, wanted, rtol=1e-3, atol=1e-4)


@torch.enable_grad()
def _propagate(layer: nn.Module, before: Tensor, flow: Tensor, *, plus: bool) -> Tensor:
    """Relevance of a layer's inputs from that of its outputs, `a * (W^T (R / z))` with W, z of the rule."""
    inputs = before.detach().requires_grad_()
    if plus:
        layer = copy.deepcopy(layer)
        layer.weight.data.clamp_(min=0.0)  # type: ignore[operator]
        if layer.bias is not None:
            layer.bias.data.zero_()  # type: ignore[operator]
    outputs = layer(inputs)
    scale = EPSILON * outputs.detach().abs().amax().clamp_min(EPSILON)
    share = flow / (outputs + scale * torch.where(outputs >= 0, 1.0, -1.0)).detach()
    (gradients,) = torch.autograd.grad(outputs, inputs, share)
    return (inputs * gradients).detach()
