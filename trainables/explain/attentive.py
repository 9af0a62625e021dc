"""Attentive response maps: what the most activated units of the last layer respond to (Kumar et al.; paper P4).

The activation of a unit, that is of one channel of the last feature map, is projected back to the image by the deconvnet of
Zeiler and Fergus (2014): a convolution becomes the transposed one, max pooling puts a value back where its maximum was (the
recorded switches), a ReLU is a ReLU on the way back too. Each of these but the last is the gradient of the layer, so a
backward pass with another rule for ReLU is the projection. That also says what happens elsewhere: a skip connection hands
the signal to both of its branches, which add up again where it began; batch norm scales it by its own factor; an average
pooling spreads it evenly.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainables.explain.grad_cam import in_eval_mode
from trainables.models.classifier import Classifier

UNITS = 25


@dataclass(frozen=True, kw_only=True, eq=False)
class Responses:
    """What the most activated units of each image respond to.

    Attributes:
        units: [images, n], channels of the last feature map, the most activated first.
        activations: [images, n], the largest value of each one's map.
        individual: [images, n, height, width], each one's projection, signed.
    """

    units: Tensor
    activations: Tensor
    individual: Tensor

    @property
    def dominant(self) -> Tensor:
        """The largest response of a unit at each pixel, [images, height, width] (P4, equation 5)."""
        return self.individual.amax(1)

    @property
    def winners(self) -> Tensor:
        """The unit that gives it, as a place in `units`, [images, height, width]."""
        return self.individual.argmax(1)


class _BothWays(torch.autograd.Function):
    """ReLU forward, and ReLU of the signal backward."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return values.clamp_min(0)

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> Tensor:
        return signals[0].clamp_min(0)


class DeconvReLU(nn.Module):
    """A ReLU whose signal on the way back passes a ReLU, wherever the input was."""

    def forward(self, values: Tensor) -> Tensor:
        """Any shape."""
        result: Tensor = _BothWays.apply(values)
        return result


def attentive_responses(classifier: Classifier, images: Tensor, *, units: int = UNITS) -> Responses:
    """Project the most activated units of the last feature map back to the image.

    Units are ranked by the largest value of their map; all of a unit's map is projected. A network with fewer units than asked
    for gives what it has.

    Args:
        classifier: the network, on the device of the images; its ReLUs are modules (see `refuses_attentive`).
        images: [images, 1, height, width], intensities in [0, 1].
        units: how many of them, P4's n.

    Raises:
        ValueError: no unit was asked for.
    """
    if units < 1:
        raise ValueError(f"attentive_responses() was asked for {units} units; ask for one at least.")
    mirrored = _with_deconv_relus(classifier)
    with torch.inference_mode(False), torch.enable_grad(), in_eval_mode(mirrored):
        pixels = images.detach().clone().requires_grad_()
        feature_map = mirrored.feature_map(pixels)
        heights = feature_map.detach().amax((2, 3))
        activations, chosen = heights.topk(min(units, heights.shape[1]), dim=1)
        maps = []
        for place in range(chosen.shape[1]):
            signal = torch.zeros_like(feature_map)
            index = chosen[:, place, None, None, None].expand(-1, 1, *feature_map.shape[2:])
            signal.scatter_(1, index, feature_map.detach().gather(1, index))
            (projected,) = torch.autograd.grad(feature_map, pixels, signal, retain_graph=True)
            maps.append(projected[:, 0])
    return Responses(units=chosen, activations=activations, individual=torch.stack(maps, dim=1))


def attentive(classifier: Classifier, images: Tensor, classes: Tensor, seed: int = 0) -> Tensor:
    """The dominant response of 25 units, negative as 0, [batch, height, width]; it is of no class in particular."""
    return torch.relu(attentive_responses(classifier, images).dominant)


def _with_deconv_relus(classifier: Classifier) -> Classifier:
    mirrored = copy.deepcopy(classifier).requires_grad_(False)
    for part in list(mirrored.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.ReLU):
                setattr(part, name, DeconvReLU())
    return mirrored
