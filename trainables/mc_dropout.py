"""Members of an ensemble from one network: dropout stays on while it predicts (Gal and Ghahramani 2016)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from trainables.explain.grad_cam import in_eval_mode
from trainables.models import Classifier
from trainables.models.stochastic import dropouts


@torch.no_grad()
def mc_dropout_logits(
    classifier: Classifier, images: Tensor, *, samples: int, seed: int, batch_size: int = 64
) -> Tensor:
    """Logits of `samples` networks, each with other units dropped, [members, images, classes] in float32 on the CPU.

    Dropout layers alone are active; batch norm is in eval mode. Where no dropout comes before the feature map, the
    backbone runs once and not once a sample.

    Sample s draws from a seed made of `seed` and s, so more samples leave the first ones as they are. The masks depend on
    the place of an image in its batch too. A MIMO network of M heads gives M members a sample. The global random state and
    every part's mode are left as they were.

    Args:
        classifier: the network, on the device of the images.
        images: [images, 1, height, width], intensities in [0, 1].
        samples: number of members, at least 1.
        seed: determines the masks.
        batch_size: images at a time.

    Raises:
        ValueError: the network has no dropout, or no sample was asked for.
    """
    return mc_dropout_logits_of(classifier, torch.split(images, batch_size), samples=samples, seed=seed)


@torch.no_grad()
def mc_dropout_logits_of(classifier: Classifier, batches: Iterable[Tensor], *, samples: int, seed: int) -> Tensor:
    """The same of images that come in batches, so that no more than one of them is in memory.

    Args:
        classifier: the network.
        batches: one batch at least, [images, 1, height, width] each, on the network's device. The masks depend on how
            images are put together.
        samples: number of members, at least 1.
        seed: determines the masks.

    Raises:
        ValueError: the network has no dropout, or no sample was asked for.
    """
    active = dropouts(classifier)
    if not active:
        raise ValueError(
            "mc_dropout_logits() was given a network without dropout, so that all members would be the same. Train one "
            "with model/dropout above 0."
        )
    if samples < 1:
        raise ValueError(f"mc_dropout_logits() was asked for {samples} samples; ask for one at least.")
    device = next(classifier.parameters()).device
    found = []
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), _only_active(classifier, active):
        for number, batch in enumerate(batches):
            found.append(_members(classifier, batch, [mask_seed(seed, s, number) for s in range(samples)]))
    return torch.cat(found, dim=1)


def _members(classifier: Classifier, images: Tensor, seeds: list[int]) -> Tensor:
    """Logits of one batch under each seed, [members, images, classes]."""
    members, feature_map = [], None
    for seed in seeds:
        torch.manual_seed(seed)
        if feature_map is None:
            before = _random_state(images.device)
            drawn = classifier.feature_map(images)
            if torch.equal(before, _random_state(images.device)):  # no random number was asked for on the way
                feature_map = drawn
        else:
            drawn = feature_map
        members.append(classifier.member_logits(classifier.pooling(drawn)).float().cpu())
    return torch.cat(members)


def _random_state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


@contextmanager
def _only_active(classifier: Classifier, active: list[nn.Module]) -> Iterator[None]:
    with in_eval_mode(classifier):
        for part in active:
            part.training = True
        try:
            yield
        finally:
            for part in active:
                part.training = False


def mask_seed(seed: int, sample: int, batch: int) -> int:
    """What the masks of a sample on a batch are drawn from, by their numbers."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{sample}/{batch}".encode()).digest()[:7])
