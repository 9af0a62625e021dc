"""How a MIMO network learns: batches of M different images a slot, and a head for each of them (Havasi et al. 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.models import Classifier
from trainables.spec import Mimo


def draw_slots(images: int, spec: Mimo, generator: torch.Generator) -> Tensor:
    """Which image of a batch each input of each slot shows, [members, slots].

    There are `images * batch_repetition` slots, and every input shows each image `batch_repetition` times. The first input
    shows them in a random order. In the last `round(input_repetition * slots)` slots the other inputs show the same as the
    first one; in the slots before, they show the first one's images there, each input in an order of its own.

    A single member shows the batch as it is and draws nothing.

    Args:
        images: number of images in the batch.
        spec: members, input and batch repetition.
        generator: where the orders come from.
    """
    slots = images * spec.batch_repetition
    if spec.members == 1:
        return (torch.arange(slots) % images)[None]
    first = torch.randperm(slots, generator=generator) % images
    mixed = slots - round(spec.input_repetition * slots)
    others = [
        torch.cat([first[:mixed][torch.randperm(mixed, generator=generator)], first[mixed:]])
        for _ in range(1, spec.members)
    ]
    return torch.stack([first, *others])


def mix(images: Tensor, targets: Tensor, spec: Mimo, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The batch that a MIMO network learns from: images [slots, members, height, width], targets [members * slots, ...].

    Targets are those of the first input's images, then of the second's, as `each_member` gives the logits.

    Args:
        images: [batch, 1, height, width].
        targets: [batch] or [batch, labels].
        spec: members, input and batch repetition.
        generator: where the orders come from.
    """
    shown = draw_slots(len(images), spec, generator).to(images.device)
    return images[:, 0][shown.T], targets[shown.flatten()]


class EachMember(Classifier):
    """A view of a network, weight by weight, that gives the logits of every head as rows of their own.

    A loss on logits, whichever it is, then is the mean over heads of that loss of each head against its own targets: every
    head sees every image of the batch equally often, so its mean over images, or over known labels, has the same number of
    terms. The variables a, b and alpha of the AUC margin loss are common to the heads.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Logits [members * batch, classes] of images [batch, members, height, width], the first member's first."""
        return self.member_logits(self.features(images)).flatten(0, 1)


def each_member(classifier: Classifier) -> Classifier:
    """What a loss is given to learn from: the network itself, or `EachMember` of it where it has several members."""
    if classifier.members == 1:
        return classifier
    view = EachMember(
        backbone=classifier.backbone,
        pooling=classifier.pooling,
        head=classifier.head,
        global_average=classifier.global_average,
        members=classifier.members,
    )
    view.normalisation = classifier.normalisation
    return view
