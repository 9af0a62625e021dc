"""The model parameter randomisation test (Adebayo et al. 2018, "Sanity Checks for Saliency Maps")."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from trainables.explain.aggregate import average_ranks
from trainables.models.classifier import Classifier


def randomised_correlations(
    classifier: Classifier, explain: Callable[[Classifier], Tensor], *, seed: int = 0
) -> tuple[tuple[str, ...], Tensor]:
    """How alike maps stay when the network is randomised from its head down to the image, part by part (cascading).

    After each part, the Spearman correlation of |map| with that of the network as it was. A map that keeps it close to 1
    does not depend on what the network has learnt; less is better.

    Args:
        classifier: the network; a copy of it is randomised.
        explain: a network to maps [images, rows, columns] of the same images and classes every time.
        seed: of the random parameters.

    Returns:
        Names of the parts in the order of randomisation, and correlations [images, parts]; 0 where a map is constant.
    """
    wanted = explain(classifier)
    changed = copy.deepcopy(classifier)
    names, found = [], []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for name, part in parts_from_the_head(changed):
            randomise(part)
            names.append(name)
            found.append(spearman(explain(changed).abs(), wanted.abs()))
    return tuple(names), torch.stack(found, dim=1)


def parts_from_the_head(classifier: Classifier) -> Iterator[tuple[str, nn.Module]]:
    """Head, pooling, and the parts of the backbone from last to first; only those with parameters.

    A backbone that is one part inside another is opened until it has several.
    """
    yield "head", classifier.head
    if any(True for _ in classifier.pooling.parameters()):
        yield "pooling", classifier.pooling
    name, body = "backbone", classifier.backbone
    while True:
        children = [(each, part) for each, part in body.named_children() if any(True for _ in part.parameters())]
        if len(children) != 1:
            break
        name, body = f"{name}.{children[0][0]}", children[0][1]
    parts = children or [("", body)]
    for each, part in reversed(parts):
        yield f"{name}.{each}".rstrip("."), part
    own = list(body.parameters(recurse=False))
    if children and own:  # tokens and positions that no layer owns
        yield f"{name} (own parameters)", _Own(own)


@torch.no_grad()
def randomise(part: nn.Module) -> None:
    """Parameters as a new layer has them (`reset_parameters`); those of layers without that are shuffled."""
    for module in part.modules():
        reset = getattr(module, "reset_parameters", None)
        if callable(reset):
            reset()
            continue
        for parameter in module.parameters(recurse=False):
            order = torch.randperm(parameter.numel())
            parameter.copy_(parameter.flatten()[order.to(parameter.device)].reshape(parameter.shape))


def spearman(one: Tensor, other: Tensor) -> Tensor:
    """Spearman correlation of maps [images, rows, columns], image by image, [images]; 0 where one of them is constant."""
    first, second = (average_ranks(each.flatten(1)) for each in (one, other))
    first, second = (each - each.mean(1, keepdim=True) for each in (first, second))
    length = first.norm(dim=1) * second.norm(dim=1)
    return torch.where(length > 0, (first * second).sum(1) / length.clamp_min(1e-12), torch.zeros_like(length))


class _Own(nn.Module):
    """Parameters of a module without those of its children."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        super().__init__()
        self.own = nn.ParameterList(parameters)
