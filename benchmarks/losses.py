"""What the saliency losses of paper P2 cost: steps of the same network beside its cross-entropy step, in turns.

A step at 16 images of 224 pixels takes seconds, so there are few of them: `rows()` takes about two minutes on a core of its
own. On a CPU the seconds are those that the process computed, which neighbours on a busy machine disturb less than the
clock of the wall. `rows(networks=("small CNN",))` is for a quick look on our own plain network, in half a minute.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.explain import small_cnn, timm_classifier
from benchmarks.measure import DEVICE, Size, row, seconds
from trainables.explain.grad_cam import in_eval_mode
from trainables.losses import class_distinct, class_similarity, cross_entropy, spatial_coherence
from trainables.models.classifier import Classifier

BATCH, SIDE, CLASSES = 16, 224, 4
SIZE = Size(BATCH, SIDE)
NETWORKS = ("resnet18", "densenet121")
CROSS_ENTROPY = "a step with cross entropy"
Step = Callable[[], None]
LossOf = Callable[[Classifier, Tensor, Tensor], Tensor]
Measured = tuple[str, LossOf, float | None, str]
"""Name of a loss, the loss, its goal and a note."""


def rows(*, repetitions: int = 2, networks: tuple[str, ...] = NETWORKS) -> list[dict[str, Any]]:
    """Every measurement of this file; what is not about the network is measured on the first one alone."""
    measured = []
    for name in networks:
        classifier = small_cnn() if name == "small CNN" else timm_classifier(name)
        classifier = classifier.to(memory_format=torch.channels_last)
        first = name == networks[0]
        measured += against_cross_entropy(classifier, name, CHEAP[: None if first else 3], repetitions=repetitions)
        if first:
            measured += against_cross_entropy(classifier, name, COSTLY, repetitions=repetitions)
            measured.append(through_the_network(classifier, name, repetitions=repetitions))
    return measured


def against_cross_entropy(
    classifier: Classifier, name: str, losses: list[Measured], *, repetitions: int, size: Size = SIZE
) -> list[dict[str, Any]]:
    """Steps with losses on maps, each against the cross-entropy step of the same round."""
    steps = {CROSS_ENTROPY: _step(classifier, _plain, size)}
    steps |= {loss: _step(classifier, loss_of, size) for loss, loss_of, _, _ in losses}
    times = in_turns(steps, repetitions, warm_up=1 if size == SIZE else len(steps))
    return [
        _row(f"a step with {loss}", loss, CROSS_ENTROPY, times, goal, f"{name}, {size}", note)
        for loss, _, goal, note in losses
    ]


LIMIT = (
    "bound by memory: forty passes over all pixels of all maps, which no network shares; its time does not depend on the "
    "network, so the ratio falls as the network grows"
)
HOOKS = "no goal: the usual way, and P2's 'at least 4x'; the same loss as L_CD on the maps"
CONTROL = "no goal: P2's control, which cost it no more than cross entropy"


def through_the_network(classifier: Classifier, name: str, *, repetitions: int) -> dict[str, Any]:
    """A step with L_CD through the network against cross entropy and the bare passes that it cannot do without."""
    loss = functools.partial(_saliency, lambda_cd=1.4, representation="network")
    ours, peer = "L_CD through the network", "a step with cross entropy and the same extra forward and backward passes"
    steps = {ours: _step(classifier, loss), peer: _step(classifier, _with_extra_passes)}
    times = in_turns(steps, repetitions)
    note = f"the extra passes are over {CLASSES} maps an image, in eval mode, with a gradient to the pixels"
    return _row(f"a step with {ours}", ours, peer, times, 1.15, f"{name}, {SIZE}", note)


def in_turns(steps: dict[str, Step], repetitions: int, *, warm_up: int = 1) -> dict[str, list[float]]:
    """Seconds of each step in each round, whose order turns round from one to the next; the first few steps warm up."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for name in list(steps)[:warm_up]:
        steps[name]()
    for repetition in range(repetitions):
        for name in list(steps)[:: 1 if repetition % 2 else -1]:
            times[name].append(seconds(steps[name]) if DEVICE == "cuda" else processor_seconds(steps[name]))
    return times


def processor_seconds(step: Step) -> float:
    """What all threads of this process computed."""
    start = time.process_time()
    step()
    return time.process_time() - start


def _row(
    title: str, ours: str, peer: str, times: dict[str, list[float]], goal: float | None, sizes: str, note: str
) -> dict[str, Any]:
    ratios = [one / other for one, other in zip(times[ours], times[peer], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return row(
        title,
        peer,
        middle,
        goal=goal,
        spread=(high - low) / 2,
        repetitions=len(ratios),
        sizes=f"{sizes}, {CLASSES} classes",
        note=note if DEVICE == "cuda" else f"{note}{'; ' if note else ''}processor seconds",
    )


def _step(classifier: Classifier, loss_of: LossOf, size: Size = SIZE) -> Step:
    images = torch.rand(size.batch, 1, size.side, size.side, generator=torch.Generator().manual_seed(0)).to(DEVICE)
    images = images.contiguous(memory_format=torch.channels_last)
    targets = torch.arange(size.batch, device=DEVICE) % CLASSES
    optimizer = torch.optim.SGD(classifier.parameters(), lr=1e-4)

    def step() -> None:
        classifier.train()
        optimizer.zero_grad()
        with size.autocast():
            loss = loss_of(classifier, images, targets)
        torch.autograd.backward(loss)
        optimizer.step()

    return step


def _plain(classifier: Classifier, images: Tensor, targets: Tensor) -> Tensor:
    return cross_entropy(classifier(images), targets)


def _saliency(classifier: Classifier, images: Tensor, targets: Tensor, **settings: Any) -> Tensor:
    return class_distinct(classifier, images, targets, **settings)[0]


def _with_extra_passes(classifier: Classifier, images: Tensor, targets: Tensor) -> Tensor:
    maps = images.detach().repeat(CLASSES, 1, 1, 1).requires_grad_()
    with in_eval_mode(classifier.backbone):
        latent = classifier.feature_map(maps)
    return _plain(classifier, images, targets) + latent.mean()


def _by_hooks(classifier: Classifier, images: Tensor, targets: Tensor) -> Tensor:
    """The usual way: a forward hook keeps the feature map, and the whole network is gone back through for each class."""
    kept: list[Tensor] = []
    handle = classifier.backbone.register_forward_hook(lambda _module, _given, result: kept.append(result))
    logits = classifier(images)
    handle.remove()
    parameters, maps = [*classifier.parameters()], []
    for label in range(CLASSES):
        sources: list[Tensor] = [kept[0], *parameters]
        gradients = torch.autograd.grad(
            logits[:, label].sum(), sources, retain_graph=True, allow_unused=True, materialize_grads=False
        )
        maps.append(torch.einsum("bk,bkij->bij", gradients[0].mean(dim=(-2, -1)), kept[0]))
    return functional.cross_entropy(logits, targets) + class_similarity(torch.stack(maps, dim=1))


def _on_random_data(classifier: Classifier, images: Tensor, targets: Tensor) -> Tensor:
    feature_map = classifier.feature_map(images)
    maps = torch.randn(BATCH, CLASSES, *feature_map.shape[-2:], device=DEVICE, requires_grad=True)
    loss = functional.cross_entropy(classifier.logits_of(feature_map), targets)
    return loss + class_similarity(maps) + spatial_coherence(maps)


CHEAP: list[Measured] = [
    ("L_CD on the maps", functools.partial(_saliency, lambda_cd=1.4), 1.10, ""),
    ("L_SC on the feature map", functools.partial(_saliency, lambda_cd=0.0, lambda_sc=1.0), 1.05, ""),
    ("both, on the feature map", functools.partial(_saliency, lambda_cd=1.4, lambda_sc=1.0), 1.15, ""),
    ("L_SC at 56 px", functools.partial(_saliency, lambda_cd=0.0, lambda_sc=1.0, sc_resolution=56), 1.25, LIMIT),
]
COSTLY: list[Measured] = [
    (
        "L_SC at 224 px",
        functools.partial(_saliency, lambda_cd=0.0, lambda_sc=1.0, sc_resolution=224),
        None,
        f"no goal: sixteen times the pixels of 56. {LIMIT}",
    ),
    ("L_CD with a full backward pass per class by hooks", _by_hooks, None, HOOKS),
    ("L_CD and L_SC on random data in place of maps", _on_random_data, None, CONTROL),
]
