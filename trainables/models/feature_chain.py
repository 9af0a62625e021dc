"""A timm network cut at a layer: what runs up to it, and what runs from there to the end of its features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainables.spec import nearest

PROBE_SIDE = 64


@dataclass(frozen=True)
class Cut:
    """Names of modules that run one after the other; `after` ends where `network.forward_features` ends."""

    before: tuple[str, ...]
    after: tuple[str, ...]


def stages_of(network: nn.Module) -> list[str]:
    """Names of the network's stages, from its input to its end."""
    information: Any = network.feature_info
    entries = information if isinstance(information, list) else information.info
    return list(dict.fromkeys(str(entry["module"]) for entry in entries))


def cut_at(network: nn.Module, layer: str, *, channels: int) -> Cut:
    """Cut the features of a network behind one of its layers.

    That the two parts make the whole is seen on random noise, so a network that is no chain at that layer (a skip
    connection passes it, or tokens and positions do) is refused and never misread.

    Raises:
        ValueError: no such layer, or the network cannot be cut there.
    """
    names = dict(network.named_modules())
    if not layer or layer not in names:
        raise ValueError(f"model/feature_layer is {layer!r}. {nearest(layer, stages_of(network))}")
    probe = torch.rand(1, channels, PROBE_SIDE, PROBE_SIDE, generator=torch.Generator().manual_seed(0))
    order = _order_of_calls(network, _children_towards(network, layer), probe)
    if layer in order:
        place = order.index(layer) + 1
        cut = Cut(before=tuple(order[:place]), after=tuple(order[place:]))
        if _is_whole(network, cut, probe):
            return cut
    raise ValueError(
        f"model/feature_layer is {layer!r}, and the network cannot be cut behind it, because it is no chain of layers "
        "there. Choose another layer, or leave it out."
    )


def run_chain(network: nn.Module, names: tuple[str, ...], values: Tensor) -> Tensor:
    """Run the named modules one after the other."""
    for name in names:
        values = network.get_submodule(name)(values)
    return values


def _children_towards(network: nn.Module, layer: str) -> list[str]:
    """Modules side by side in registration order, opened where the layer lies inside one of them."""
    found: list[str] = []

    def open_(name: str, module: nn.Module) -> None:
        for child, part in module.named_children():
            path = f"{name}.{child}".lstrip(".")
            if layer.startswith(path + "."):
                open_(path, part)
            else:
                found.append(path)

    open_("", network)
    return found


def _order_of_calls(network: nn.Module, names: list[str], probe: Tensor) -> list[str]:
    order: list[str] = []
    handles = [
        network.get_submodule(name).register_forward_hook(lambda *_, name=name: order.append(name)) for name in names
    ]
    try:
        _features(network, probe)
    finally:
        for handle in handles:
            handle.remove()
    return order


def _is_whole(network: nn.Module, cut: Cut, probe: Tensor) -> bool:
    training = network.training
    try:
        with torch.no_grad():
            ours = run_chain(network.eval(), cut.before + cut.after, probe)
    except (RuntimeError, TypeError, ValueError):  # a layer that wants something else than the one before it gives
        return False
    finally:
        network.train(training)
    theirs = _features(network, probe)
    return ours.shape == theirs.shape and torch.allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@torch.no_grad()
def _features(network: nn.Module, probe: Tensor) -> Tensor:
    training = network.training
    result: Tensor = network.eval().forward_features(probe)  # type: ignore[operator]
    network.train(training)
    return result
