"""Parts of a network that draw random numbers in training."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.dropout import _DropoutNd


def dropouts(module: nn.Module) -> list[nn.Module]:
    """Every dropout layer with a rate above 0, and every timm network that calls dropout as a function.

    Such a network (resnet, efficientnet) keeps its rate in `drop_rate`, and looks at its own training flag for nothing else.
    """
    return [
        part
        for part in module.modules()
        if (isinstance(part, _DropoutNd) and part.p > 0) or _called_as_a_function(part) > 0
    ]


def _called_as_a_function(part: nn.Module) -> float:
    rate = getattr(part, "drop_rate", 0.0)
    return float(rate) if isinstance(rate, int | float) else 0.0
