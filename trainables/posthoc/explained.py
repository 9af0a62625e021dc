"""Which images of a network are explained, and which of their classes or labels: the same for every task that scores maps."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.data.images import ImageSet
from trainables.explain.methods import require_method, saliency_maps
from trainables.models.classifier import Classifier
from trainables.multilabel import AnyPredictions, MultiLabelPredictions
from trainables.posthoc.choice import groups_of
from trainables.posthoc.interface import TrainedNetwork
from trainables.spec import SplitName


@dataclass(frozen=True, kw_only=True, eq=False)
class Explained:
    """A network with the images of a split, in a seeded order.

    Of classes the predicted one is explained. Of labels it is the most probable one of those that are predicted present
    (probability above one half), and the image is correct where that label is truly present; an image of which none is
    predicted has nothing to be explained and is left out.

    Attributes:
        classifier: in eval mode, on the device that it is to run on.
        images: all of the split.
        classes: [images of the split], the class or label to explain; where nothing is predicted the most probable label.
        correct: [images of the split], whether that is true.
        predicted: [images of the split], whether something is predicted; always of classes.
        order: rows of the split in the seeded order.
        groups: of each image of the split what a bootstrap draws together; `group_kind` says what that is.
        of_labels: whether classes are labels that do not exclude each other.
    """

    classifier: Classifier
    images: ImageSet
    classes: Tensor
    correct: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    order: NDArray[np.int64]
    groups: tuple[str, ...]
    group_kind: str
    of_labels: bool

    def rows(self, count: int, *, correct: bool = True) -> NDArray[np.int64]:
        """At most so many rows in the seeded order: of correct images, or of all that have a prediction."""
        kept = self.correct if correct else self.predicted
        return self.order[kept[self.order]][:count]

    def groups_at(self, rows: NDArray[np.int64]) -> list[str]:
        """What the images of the given rows are drawn together by."""
        return [self.groups[row] for row in rows]

    def ids_at(self, rows: NDArray[np.int64]) -> list[str]:
        """Names of the images of the given rows."""
        return [self.images.image_ids[row] for row in rows]

    def maps(self, classifier: Classifier, images: Tensor, classes: Tensor, method: str, seed: int) -> Tensor:
        """Maps of a class or label an image, [images, map rows, map columns] on the CPU; images may be none.

        Args:
            classifier: the network itself, or a changed copy of it.
            images: [images, 1, height, width] in [0, 1].
            classes: [images], what is explained.
            method: one of `METHODS`.
            seed: of methods that draw.
        """
        return saliency_maps(classifier, images, classes, method, seed=seed, of_labels=self.of_labels)

    def remarks(self) -> tuple[str, ...]:
        """That images were left out, where they were."""
        silent = int((~self.predicted).sum())
        if not silent:
            return ()
        return (f"No label is predicted present in {silent} of {len(self.images)} images, which are not explained.",)


def explained(network: TrainedNetwork, split: SplitName, *, method: str, seed: int) -> Explained:
    """Load what a task on explanations reads.

    Raises:
        ValueError: images and predictions of the split are not in the same order, or the method is not defined for the
            network.
    """
    predictions, images = network.predictions(split), network.images(split)
    require_same_order(predictions, images)
    classifier = network.classifier().to("cuda" if torch.cuda.is_available() else "cpu").eval()
    require_method(method, classifier)
    classes, predicted, correct = explained_classes(predictions)
    groups, kind = groups_of(network, split)
    return Explained(
        classifier=classifier,
        images=images,
        classes=classes,
        correct=correct,
        predicted=predicted,
        order=seeded_order(images.image_ids, seed),
        groups=groups,
        group_kind=kind,
        of_labels=isinstance(predictions, MultiLabelPredictions),
    )


def explained_classes(predictions: AnyPredictions) -> tuple[Tensor, NDArray[np.bool_], NDArray[np.bool_]]:
    """Class or label to explain of each image, whether one is predicted, and whether it is true; see `Explained`."""
    if isinstance(predictions, MultiLabelPredictions):
        odds, classes = predictions.pooled_log_odds().max(dim=1)
        present = predictions.targets.gather(1, classes[:, None])[:, 0] > 0.5  # of an unknown one it is not
        return classes.cpu(), (odds > 0).numpy(), ((odds > 0) & present).numpy()
    classes = predictions.pooled_log_probs().argmax(1).cpu()
    return classes, np.ones(len(classes), dtype=np.bool_), (classes == predictions.targets).numpy()


def seeded_order(image_ids: Sequence[str], seed: int) -> NDArray[np.int64]:
    """Rows in an order that each image's id and the seed determine, so that another image moves no other's rank."""
    digests = [hashlib.sha256(f"{seed}/choice/{name}".encode()).digest() for name in image_ids]
    return np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=np.int64)


def intensities(images: ImageSet, rows: NDArray[np.int64]) -> Tensor:
    """The images of the given rows as a network reads them, [rows, 1, height, width] in [0, 1]."""
    return torch.from_numpy(np.array(images.pixels[rows]))[:, None].float() / 255


def flat_remarks(maps: Tensor) -> tuple[str, ...]:
    """That maps are constant, where some are: nothing that ranks their parts or compares them then says anything."""
    flat = int((maps.flatten(1).amax(1) == maps.flatten(1).amin(1)).sum()) if len(maps) else 0
    if not flat:
        return ()
    return (f"{flat} of {len(maps)} maps are constant, so that their parts were ranked by number.",)


def require_same_order(predictions: AnyPredictions, images: ImageSet) -> None:
    """Refuse predictions and images that are not the same in the same order.

    Raises:
        ValueError: see above.
    """
    if predictions.image_ids != images.image_ids:
        raise ValueError(
            f"The predictions on {predictions.split!r} ({len(predictions)}) and the images of the split ({len(images)}) "
            "are not the same in the same order. Predict the split again from these images."
        )
