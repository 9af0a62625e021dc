"""One pass over a split, each worker over its part of the images."""

from __future__ import annotations

from trainables.data.images import ImageSet, Rows
from trainables.data_parallel.group import Group
from trainables.models import Classifier
from trainables.multilabel import AnyPredictions
from trainables.predict import logits_of, one_pass, predictions_of


def shared_pass(group: Group, classifier: Classifier, images: ImageSet, *, split: str) -> AnyPredictions:
    """The predictions of `one_pass`, in every worker."""
    if group.size == 1 or len(images) < group.size:
        return one_pass(classifier, images, split=split)[0]
    part = group.part(len(images))
    pixels = images.pixels
    mine = Rows(pixels.array, pixels.rows[part]) if isinstance(pixels, Rows) else pixels[part]
    logits, _ = logits_of(classifier, mine)
    whole = group.gather(logits.transpose(0, 1).contiguous(), part, len(images)).transpose(0, 1)
    return predictions_of(whole, images, split=split)
