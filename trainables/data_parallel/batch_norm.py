"""Batch norm over the batches of all workers. Torch's own `SyncBatchNorm` refuses to work on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

if TYPE_CHECKING:
    from trainables.data_parallel.group import Group


class SynchronisedBatchNorm(_BatchNorm):
    """A batch norm that normalises by mean and variance of the whole batch, and is the plain one in eval mode.

    Weights and statistics are the original's and have its names, so that a state dict fits both.

    Args:
        original: a batch norm of torch, or one of timm with dropout and an activation behind it.
        group: the workers.
    """

    def __init__(self, original: _BatchNorm, group: Group) -> None:
        super().__init__(original.num_features, original.eps, original.momentum, affine=False)
        self.affine, self.track_running_stats = original.affine, original.track_running_stats
        self.weight, self.bias = original.weight, original.bias
        self.running_mean, self.running_var = original.running_mean, original.running_var
        self.num_batches_tracked = original.num_batches_tracked
        self.drop: nn.Module = getattr(original, "drop", nn.Identity())
        self.act: nn.Module = getattr(original, "act", nn.Identity())
        self.training = original.training
        self._group = group

    def forward(self, images: Tensor) -> Tensor:
        """Normalise [batch, channels, ...]."""
        together = self.training and self._group.split
        result: Tensor = self.act(self.drop(self._together(images) if together else super().forward(images)))
        return result

    def _together(self, images: Tensor) -> Tensor:
        weight = self.weight if self.affine else torch.ones(self.num_features, device=images.device)
        bias = self.bias if self.affine else torch.zeros(self.num_features, device=images.device)
        result, mean, variance, count = _Synchronised.apply(images, weight, bias, self.eps, self._group)
        if self.track_running_stats:
            self._follow(mean, variance * (count / (count - 1)))
        whole: Tensor = result
        return whole

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        move = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean), move)
        self.running_var.lerp_(variance.to(self.running_var), move)

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions."""


def synchronise(network: nn.Module, group: Group) -> None:
    """Put synchronised batch norms in place of a network's own, if there are other workers."""
    if group.size == 1:
        return
    for name, part in network.named_children():
        if isinstance(part, _BatchNorm):
            setattr(network, name, SynchronisedBatchNorm(part, group))
        else:
            synchronise(part, group)


class _Synchronised(torch.autograd.Function):
    """Mean and variance of the batch from those of its parts (Chan et al. 1979); the gradient sums over all parts."""

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, weight: Tensor, bias: Tensor, eps: float, group: Group
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        values = images.float()
        variance, mean = torch.var_mean(values, _all_but_channels(values), correction=0)
        size = mean.new_tensor([values.numel() / len(mean)])
        parts = group.of_all(torch.cat([mean, variance, size]).double())
        means, variances, counts = torch.split(parts, [len(mean), len(mean), 1], dim=1)
        count = counts.sum()
        middle = (counts * means).sum(0) / count
        spread = (counts * (variances + (means - middle).square())).sum(0) / count
        scale = torch.rsqrt(spread + eps).to(values)
        ctx.save_for_backward(images, weight, middle.to(values), scale, count.to(values))
        ctx.group = group
        ctx.mark_non_differentiable(middle, spread, count)
        factor = scale * weight
        result = values * _wide(factor, values) + _wide(bias - middle.to(values) * factor, values)
        return result.to(images), middle, spread, count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        images, weight, mean, scale, count = ctx.saved_tensors
        gradient = gradients[0].float()
        normal = (images.float() - _wide(mean, images)) * _wide(scale, images)
        of_bias = gradient.sum(_all_but_channels(gradient))
        of_weight = (gradient * normal).sum(_all_but_channels(gradient))
        sums = ctx.group.sum_over_workers(torch.cat([of_bias, of_weight])) / count
        shift, along = torch.split(sums, len(mean))
        centred = gradient - _wide(shift, images) - normal * _wide(along, images)
        return (centred * _wide(scale * weight, images)).to(images), of_weight, of_bias, None, None


def _all_but_channels(images: Tensor) -> list[int]:
    return [dimension for dimension in range(images.ndim) if dimension != 1]


def _wide(channels: Tensor, images: Tensor) -> Tensor:
    return channels.view(1, -1, *[1] * (images.ndim - 2))
