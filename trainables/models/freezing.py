"""Which part of a network learns."""

from __future__ import annotations

from torch import nn

from trainables.models.feature_chain import stages_of
from trainables.spec import nearest

BACKBONE = "backbone"


def freeze(network: nn.Module, until: str) -> None:
    """Take the gradient from everything up to and with a stage, or from the whole network.

    Layers are counted in the order in which the network registers them, which is that of its stages. Batch norms without a
    gradient keep their statistics, see `Classifier.train`.

    Args:
        network: a timm network whose head has been taken out.
        until: name of a stage, or `backbone`.

    Raises:
        ValueError: the network has no such stage; the message names those it has.
    """
    stages = stages_of(network)
    if until == BACKBONE:
        network.requires_grad_(False)
        return
    if until not in stages:
        raise ValueError(
            f"model/frozen is {until!r}. {nearest(until, [BACKBONE, *stages])} Stages from the input to the end: "
            f"{', '.join(stages)}."
        )
    modules = list(network.named_modules())
    last = max(place for place, (name, _) in enumerate(modules) if f"{name}.".startswith(f"{until}."))
    for _, module in modules[: last + 1]:
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(False)
