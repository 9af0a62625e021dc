"""What the frozen part of a network says about each image, computed once instead of once an epoch.

A frozen backbone gives the same features in every epoch as long as the images are not augmented, and it is nearly all of
the work. Features are kept for the whole process under the content of the weights and of the images, so that the trials of
a search share them too.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import OrderedDict
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.data.images import ImageSet
from trainables.explain.grad_cam import in_eval_mode
from trainables.losses import Loss, LossOnLogits
from trainables.models import Classifier
from trainables.models.stochastic import dropouts
from trainables.multilabel import AnyPredictions
from trainables.predict import predictions_of, to_intensities
from trainables.spec import Augmentation, TrialSpec

Array: TypeAlias = NDArray[np.float32]

KEPT = 6
"""Splits whose features are kept at a time: train, val and calib of two backbones."""
BATCH = 64

_kept: OrderedDict[str, Array] = OrderedDict()


class FrozenFeatures:
    """The features of a network's frozen part, and the part that learns from them.

    They lie in an unnamed temporary file, which is gone with the process, however that ends.

    Args:
        classifier: a network whose backbone has no gradient.
        low_precision: whether training runs under bfloat16 autocast; evaluation never does.
        whole_maps: whether the feature map itself is needed; else the fixed steps of the pooling are computed once, too.
    """

    def __init__(self, classifier: Classifier, *, low_precision: bool, whole_maps: bool) -> None:
        self.classifier = classifier
        self.low_precision = low_precision
        self.steps = 0 if whole_maps else fixed_steps(classifier)
        self.device = next(classifier.parameters()).device
        self._weights = _fingerprint(classifier)
        self._of_split: dict[tuple[int, bool], tuple[ImageSet, Array]] = {}

    def tail(self, classifier: Classifier) -> Classifier:
        """The learning part of this network or a copy of it: takes features in place of images, shares the modules.

        Its mode is that of the network it is taken from; set it there.
        """
        pooling = nn.Sequential(*_steps(classifier)[self.steps :])
        return Classifier(backbone=nn.Identity(), pooling=pooling, head=classifier.head, mean=0.0, deviation=1.0).to(
            self.device
        )

    def batch(self, images: ImageSet, rows: Tensor) -> Tensor:
        """Features of some training images, on the device."""
        return torch.from_numpy(self._of(images, self.low_precision)[rows.numpy()]).to(self.device)

    @torch.no_grad()
    def predict(self, classifier: Classifier, images: ImageSet, *, split: str) -> AnyPredictions:
        """The predictions that `one_pass` gives, without the backbone."""
        features = self._of(images, low_precision=False)
        with in_eval_mode(classifier):
            tail = self.tail(classifier)
            logits = [
                tail(torch.from_numpy(np.array(features[start : start + BATCH])).to(self.device)).float().cpu()
                for start in range(0, len(features), BATCH)
            ]
        return predictions_of(torch.cat(logits)[None], images, split=split)

    def fits(self, *parts: ImageSet) -> bool:
        """Whether the features of all parts take less than half of the free space for temporary files."""
        example = self._compute(parts[0].pixels[:1], low_precision=False)
        wanted = sum(len(part) for part in parts) * example.nbytes
        return wanted < shutil.disk_usage(tempfile.gettempdir()).free / 2

    def _of(self, images: ImageSet, low_precision: bool) -> Array:
        """Features of all images of a split; the first to ask in this process computes them."""
        asked = (id(images), low_precision)
        if asked not in self._of_split:
            key = self._key(images, low_precision)
            if key not in _kept:
                _kept[key] = self._compute_all(images, low_precision)
            _kept.move_to_end(key)
            while len(_kept) > KEPT:
                _kept.popitem(last=False)
            self._of_split[asked] = (images, _kept[key])
        return self._of_split[asked][1]

    def _key(self, images: ImageSet, low_precision: bool) -> str:
        """Content of weights and images; features of one image tell structures with the same weights apart."""
        digest = hashlib.blake2b(f"{self._weights} {self.steps} {low_precision} {self.device.type}".encode())
        digest.update(self._compute(images.pixels[:1], low_precision).tobytes())
        for start in range(0, len(images), BATCH):
            digest.update(np.ascontiguousarray(images.pixels[start : start + BATCH]).tobytes())
        return digest.hexdigest()

    def _compute_all(self, images: ImageSet, low_precision: bool) -> Array:
        shape = self._compute(images.pixels[:1], low_precision).shape[1:]
        with tempfile.TemporaryFile() as file:
            result = np.memmap(file, dtype=np.float32, mode="w+", shape=(len(images), *shape))
        for start in range(0, len(images), BATCH):
            result[start : start + BATCH] = self._compute(images.pixels[start : start + BATCH], low_precision)
        return result

    @torch.no_grad()
    def _compute(self, pixels: NDArray[np.uint8], low_precision: bool) -> Array:
        images = to_intensities(torch.from_numpy(np.array(pixels)).to(self.device))
        images = images.contiguous(memory_format=torch.channels_last)
        low = torch.autocast(self.device.type, torch.bfloat16, enabled=low_precision)
        with in_eval_mode(self.classifier), low:
            features = self.classifier.feature_map(images)
            for step in _steps(self.classifier)[: self.steps]:
                features = step(features)
        result: Array = features.float().cpu().numpy()
        return result


def frozen_features(
    classifier: Classifier, spec: TrialSpec, loss: Loss, parts: tuple[ImageSet, ...]
) -> FrozenFeatures | None:
    """The features that training can be done from, or None where it needs the whole network.

    It does if the backbone learns, if the images are augmented, or if the features would fill the disk.

    Args:
        classifier: the network on its device.
        spec: how it is trained.
        loss: one that looks at the feature map gets it whole.
        parts: the splits that training reads.
    """
    learns = any(parameter.requires_grad for parameter in classifier.backbone.parameters())
    if learns or spec.augmentation != Augmentation():
        return None
    low_precision = spec.schedule.precision == "bfloat16"
    whole_maps = not isinstance(loss, LossOnLogits)
    features = FrozenFeatures(classifier, low_precision=low_precision, whole_maps=whole_maps)
    return features if features.fits(*parts) else None


def fixed_steps(classifier: Classifier) -> int:
    """How many first steps of the pooling neither learn nor draw random numbers."""
    for number, step in enumerate(_steps(classifier)):
        if dropouts(step) or any(parameter.requires_grad for parameter in step.parameters()):
            return number
    return len(_steps(classifier))


def _steps(classifier: Classifier) -> list[nn.Module]:
    return list(classifier.pooling) if isinstance(classifier.pooling, nn.Sequential) else [classifier.pooling]


def _fingerprint(classifier: Classifier) -> str:
    digest = hashlib.blake2b(classifier.normalisation.cpu().numpy().tobytes())
    for name, tensor in classifier.backbone.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
