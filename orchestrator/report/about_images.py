"""What is known about single explained images: what a network says of them, how sure it is, and how its map scores."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from orchestrator.errors import StorageError
from orchestrator.report.findings import Findings
from orchestrator.report.gallery import Facts
from orchestrator.results import ResultRow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from trainables.multilabel import AnyPredictions
    from trainables.spec import SplitName


class AboutImages:
    """One network on one split, from its stored predictions and results.

    Args:
        findings: of the sweep.
        row: the network.
        split: whose images are shown.
    """

    def __init__(self, findings: Findings, row: ResultRow, split: SplitName) -> None:
        self._findings, self._row, self._split = findings, row, split
        self.classes = findings.classes(row.key)

    def probability(self, image: int, label: int) -> str:
        """`0.93`, with the calibrated one behind it where a temperature was fitted; empty without predictions.

        Args:
            image: row of the split.
            label: number of the class.
        """
        if self._raw is None or image >= len(self._raw):
            return ""
        raw, *after = (f"{float(each[image, label]):z.3f}" for each in self._probabilities)
        return f"{raw} ({after[0]} after temperature)" if after else raw

    def truth(self, image: int, target: int) -> Facts:
        """The true class, or every label that is present."""
        targets = self._raw.targets if self._raw is not None else None
        if targets is None or targets.ndim == 1 or image >= len(targets):
            return (("True class", self.classes[target]),)
        present = [name for name, value in zip(self.classes, targets[image].tolist(), strict=True) if value > 0.5]
        return (("Labels present", ", ".join(present) or "none"),)

    def facts(self, image: int, target: int, predicted: int) -> Facts:
        """Truth, prediction with its probability, and that of the true class where another one was predicted."""
        found = [*self.truth(image, target), ("Predicted", self.classes[predicted])]
        if said := self.probability(image, predicted):
            found.append(("Probability", said))
            if target != predicted:
                found.append((f"Probability of {self.classes[target]}", self.probability(image, target)))
        return (*found, ("Image", f"number {image + 1} of {self._split}"), ("Network", self._row.name))

    def lungs(self, images: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Masks of the lungs of these rows, [images, height, width]; None where the data have none at hand.

        Of a bucket they are not fetched: they are as many as the data set has images.
        """
        if self._findings.store.remote:
            return None
        from orchestrator.network import StoredNetwork

        try:
            masks = StoredNetwork(self._findings.store, self._row.key).lung_masks(self._split)
        except (StorageError, OSError, KeyError, ValueError):  # the data set is gone, and the page does without
            return None
        return None if masks is None else masks[images]

    @cached_property
    def _raw(self) -> AnyPredictions | None:
        return self._findings.predictions(self._row.key, self._split)

    @cached_property
    def _probabilities(self) -> list[Tensor]:
        """Of the network, and after its temperature as far as there is one, [images, classes] each."""
        after = self._findings.predictions(self._row.results.get("temperature"), self._split)
        return [each.pooled_log_probs().exp() for each in (self._raw, after) if each is not None]


def area_facts(tensors: Mapping[str, Any], image: int, *, is_right: bool) -> Facts:
    """The AOPC of one image and that of a random order, or why there is none.

    Args:
        tensors: of the AOPC result.
        image: row of the split.
        is_right: whether the image is predicted correctly: only such ones are scored.
    """
    if "aopc_per_image" not in tensors or "rows" not in tensors:
        return (("AOPC", "not stored image by image"),)
    import numpy as np

    places = np.flatnonzero(np.asarray(tensors["rows"]) == image)
    if not len(places):
        why = "it is not in the sample that was scored" if is_right else "only correct predictions are scored"
        return (("AOPC", f"none: {why}"),)
    along, control = (float(tensors[name][int(places[0])]) for name in ("aopc_per_image", "random_aopc_per_image"))
    return (("AOPC", f"{along:z.3f}, in random order {control:z.3f} (gain {along - control:+z.3f})"),)
