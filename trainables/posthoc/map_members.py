"""Members that are explained one by one and predict together: networks, drawn last layers, networks that drop units."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from trainables.explain.aopc import BATCH_SIZE
from trainables.explain.inference import inference_copy
from trainables.explain.methods import saliency_maps
from trainables.explain.outputs import label_probabilities
from trainables.explain.pooled import Pooled
from trainables.mc_dropout import mask_seed, mc_dropout_logits
from trainables.models.classifier import Classifier
from trainables.models.stochastic import dropouts

FROM_FEATURE_MAP = ("grad_cam", "cam", "grad_cam_pp", "hires_cam")
"""Methods that need the last feature map and the layers after it only, so that drawn last layers share one pass."""


class MapMembers(Pooled):
    """Several networks that stand for one prediction: the mean of their probabilities.

    With `of_labels` their classes are labels that do not exclude each other, and probabilities are sigmoids. Those that follow say what the members are; `log_probs` is of all of them together, which makes this a network that
    can be perturbed (see `trainables.explain.aopc`).
    """

    def __init__(self, *, of_labels: bool = False) -> None:
        super().__init__()
        self.of_labels = of_labels

    def member_log_probs(self, images: Tensor) -> Tensor:
        """Log probabilities of every member, [members, images, classes], on the device of the images."""
        raise NotImplementedError

    def member_maps(self, images: Tensor, classes: Tensor, method: str, seed: int) -> Tensor:
        """Maps of one class an image by every member, [members, images, rows, columns], on the CPU.

        Args:
            images: [images, 1, height, width], intensities in [0, 1].
            classes: [images].
            method: one of `trainables.explain.methods.METHODS`.
            seed: of methods that draw.
        """
        raise NotImplementedError

    def for_many_passes(self, examples: Tensor) -> MapMembers:
        """The same members, as fast as they can be for predictions alone; `examples` are images to check that on."""
        return self

    def log_probs(self, images: Tensor) -> Tensor:
        """Logarithm of the members' mean probability, [images, classes]."""
        members = self.member_log_probs(images)
        return torch.logsumexp(members, 0) - math.log(len(members))


class NetworkMembers(MapMembers):
    """The networks of an ensemble.

    Args:
        networks: one at least, all of the same classes, on the same device.
        of_labels: whether their classes are labels.
    """

    def __init__(self, networks: Sequence[Classifier], *, of_labels: bool = False) -> None:
        super().__init__(of_labels=of_labels)
        self.networks = nn.ModuleList(networks)
        self._networks = tuple(networks)

    def member_log_probs(self, images: Tensor) -> Tensor:
        """One pass a network."""
        if self.of_labels:
            return torch.stack([label_probabilities(network, images).log() for network in self._networks])
        return torch.stack([network.log_probs(images) for network in self._networks])

    def member_maps(self, images: Tensor, classes: Tensor, method: str, seed: int) -> Tensor:
        """Each network explained by itself; maps of another resolution are brought to the first one's."""
        maps = [
            saliency_maps(network, images, classes, method, seed=seed, of_labels=self.of_labels)
            for network in self._networks
        ]
        size = maps[0].shape[1:]
        return torch.stack([each if each.shape[1:] == size else _resized(each, size) for each in maps])

    def for_many_passes(self, examples: Tensor) -> NetworkMembers:
        """Copies with their batch norms folded."""
        copies = [inference_copy(network, examples) for network in self._networks]
        return NetworkMembers(copies, of_labels=self.of_labels)


class SampledHeads(MapMembers):
    """One network under several last layers, such as those that a Laplace posterior gives.

    Args:
        classifier: the trained network, of one head.
        weights: [members, classes, features].
        biases: [members, classes].
        of_labels: whether its classes are labels.
    """

    def __init__(self, classifier: Classifier, weights: Tensor, biases: Tensor, *, of_labels: bool = False) -> None:
        super().__init__(of_labels=of_labels)
        self.classifier = classifier
        like = classifier.head.weight
        self.weights, self.biases = weights.to(like), biases.to(like)

    def member_log_probs(self, images: Tensor) -> Tensor:
        """One pass through the backbone for all members."""
        features = self.classifier.features(images)
        logits = torch.einsum("bf,skf->sbk", features, self.weights) + self.biases[:, None]
        return _log_probs(logits.float(), of_labels=self.of_labels)

    def member_maps(self, images: Tensor, classes: Tensor, method: str, seed: int) -> Tensor:
        """Methods of the last feature map take one pass through the backbone, the others one or more a member."""
        if method not in FROM_FEATURE_MAP:
            heads = [variant(self.classifier, head=self._head(n)) for n in range(len(self.weights))]
            explain = partial(saliency_maps, method=method, seed=seed, of_labels=self.of_labels)
            return torch.stack([explain(each, images, classes) for each in heads])
        device = self.weights.device
        size = BATCH_SIZE.get(device.type, 64)
        parts = []
        for some, of in zip(torch.split(images, size), torch.split(classes, size), strict=True):
            with torch.no_grad():
                backbone = RememberedMap(self.classifier.feature_map(some.to(device)))
            heads = [variant(self.classifier, backbone=backbone, head=self._head(n)) for n in range(len(self.weights))]
            explain = partial(saliency_maps, method=method, batch_size=len(some), of_labels=self.of_labels)
            parts.append(torch.stack([explain(each, some, of) for each in heads]))
        return torch.cat(parts, dim=1)

    def for_many_passes(self, examples: Tensor) -> SampledHeads:
        """With the backbone's batch norms folded."""
        copy = inference_copy(self.classifier, examples)
        return SampledHeads(copy, self.weights, self.biases, of_labels=self.of_labels)

    def _head(self, member: int) -> nn.Linear:
        classes, features = self.weights.shape[1:]
        head = nn.Linear(features, classes, device="meta")
        head.weight = nn.Parameter(self.weights[member], requires_grad=False)
        head.bias = nn.Parameter(self.biases[member], requires_grad=False)
        return head


class DropoutMembers(MapMembers):
    """One network under several draws of its dropout.

    A member is a seed: prediction and map of an image come from the same masks where the method takes one pass (Grad-CAM and
    its relatives, a gradient); a method of several passes draws anew in each. Masks depend on how images are batched.

    Args:
        classifier: a network with dropout.
        samples: how many members.
        seed: determines the masks.
        of_labels: whether its classes are labels.
    """

    def __init__(self, classifier: Classifier, samples: int, seed: int, *, of_labels: bool = False) -> None:
        super().__init__(of_labels=of_labels)
        self.classifier = classifier
        self.samples, self.seed = samples, seed
        self._dropping = always_dropping(classifier)

    def member_log_probs(self, images: Tensor) -> Tensor:
        """See `trainables.mc_dropout`."""
        size = BATCH_SIZE.get(images.device.type, 64)
        logits = mc_dropout_logits(self.classifier, images, samples=self.samples, seed=self.seed, batch_size=size)
        return _log_probs(logits, of_labels=self.of_labels).to(images.device)

    def member_maps(self, images: Tensor, classes: Tensor, method: str, seed: int) -> Tensor:
        """Each batch under the seeds that its prediction is drawn with."""
        device = next(self.parameters()).device
        size = BATCH_SIZE.get(device.type, 64)
        batches = list(zip(torch.split(images, size), torch.split(classes, size), strict=True))
        explain = partial(saliency_maps, method=method, seed=seed, batch_size=size, of_labels=self.of_labels)
        members = []
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            for sample in range(self.samples):
                parts = []
                for number, (some, of) in enumerate(batches):
                    torch.manual_seed(mask_seed(self.seed, sample, number))
                    parts.append(explain(self._dropping, some, of))
                members.append(torch.cat(parts))
        return torch.stack(members)


def said_of(log_probs: Tensor, *, of_labels: bool) -> Tensor:
    """What members predict together, [images], from [members, images, classes]: the most probable class.

    Of labels it is the most probable one if it is more likely present than not, else -1.
    """
    probability, said = log_probs.exp().mean(0).max(1)
    return torch.where(probability > 0.5, said, -1) if of_labels else said


class RememberedMap(nn.Module):
    """A backbone whose pass is over: it gives the feature map that it was made with, whatever it is asked.

    Args:
        feature_map: [images, channels, rows, columns].
    """

    def __init__(self, feature_map: Tensor) -> None:
        super().__init__()
        self._feature_map = feature_map

    def forward(self, images: Tensor) -> Tensor:
        """The feature map."""
        return self._feature_map


def _log_probs(logits: Tensor, *, of_labels: bool) -> Tensor:
    return nn.functional.logsigmoid(logits) if of_labels else torch.log_softmax(logits, dim=2)


def variant(classifier: Classifier, **parts: nn.Module) -> Classifier:
    """The same network with other `backbone`, `pooling` or `head`; everything else is shared."""
    changed = copy.copy(classifier)
    changed._modules = {**classifier._modules, **parts}
    return changed


def always_dropping(classifier: Classifier) -> Classifier:
    """A copy in eval mode whose dropout cannot be switched off, not even by `eval()`."""
    dropping = copy.deepcopy(classifier).eval()
    for part in dropouts(dropping):
        part.training = True
        part.train = lambda mode=True, part=part: part  # type: ignore[method-assign, misc]
    return dropping


def _resized(maps: Tensor, size: torch.Size) -> Tensor:
    return nn.functional.interpolate(maps[:, None], size=tuple(size), mode="bilinear", align_corners=False)[:, 0]
