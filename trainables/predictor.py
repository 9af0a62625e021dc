"""Networks that answer for images in files: calibrated probabilities and uncertainty, of one network or several as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.data.any_folder import decode_some
from trainables.data.problems import BadImage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from trainables.models import Classifier
    from trainables.unlabelled import Answers


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """Some images as the networks see them.

    Attributes:
        good: places of the images that could be read.
        logits: [members, good images, classes], weights counted; None where no image could be read.
        problems: one an image, or None.
        pixels: by side, [good images, side, side] grey values.
    """

    good: list[int]
    logits: Tensor | None
    problems: list[BadImage | None]
    pixels: Mapping[int, NDArray[np.uint8]]


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """The networks that answer, ready to run.

    Attributes:
        classes: names in the order of the probabilities.
        multilabel: whether they are labels of which an image may have several.
        temperature: fitted on the calib split of what they were trained on.
        members: network and side of its images in pixels.
        weights: how often each counts; a selection may have taken one several times.
        pooled: whether several networks were chosen to be one; one that was taken twice counts as two.
    """

    classes: tuple[str, ...]
    multilabel: bool
    temperature: float
    members: tuple[tuple[Classifier, int], ...]
    weights: tuple[int, ...]
    pooled: bool

    @property
    def several(self) -> bool:
        """Whether members may disagree: an ensemble, or a network of several heads."""
        return self.pooled or any(classifier.members > 1 for classifier, _ in self.members)

    def answer(self, root: Path, names: Sequence[str]) -> tuple[list[int], Answers | None, list[BadImage | None]]:
        """Decode and predict some images.

        Returns:
            The places of the images that could be read, what the networks say of them, and a problem or None an image.
        """
        seen = self.look(root, names)
        return seen.good, None if seen.logits is None else self.told(seen.logits, self.temperature), seen.problems

    def told(self, logits: Tensor, temperature: float) -> Answers:
        """What logits [members, images, classes] say under a temperature; 1 is before calibration."""
        from trainables.unlabelled import answer, answer_labels

        return (answer_labels if self.multilabel else answer)(logits, temperature)

    def look(self, root: Path, names: Sequence[str]) -> Seen:
        """Decode some images and run every member over them."""
        import numpy as np
        import torch

        from trainables.predict import logits_of

        decoded = {size: decode_some(root, names, size) for size in {size for _, size in self.members}}
        some = next(iter(decoded.values()))
        good = [place for place, each in enumerate(some) if not isinstance(each, BadImage)]
        problems = [each if isinstance(each, BadImage) else None for each in some]
        if not good:
            return Seen(good=[], logits=None, problems=problems, pixels={})
        pixels = {
            size: np.stack([one for one in each if not isinstance(one, BadImage)]) for size, each in decoded.items()
        }
        logits = []
        for (classifier, size), weight in zip(self.members, self.weights, strict=True):
            logits += [logits_of(classifier, pixels[size])[0]] * weight
        return Seen(good=good, logits=torch.cat(logits), problems=problems, pixels=pixels)

    def columns(self) -> list[str]:
        """What `row` tells of an image, in order."""
        return columns_of(self.classes, multilabel=self.multilabel, several=self.several)

    def row(self, answers: Answers, place: int) -> dict[str, Any]:
        """What is told of an image.

        `predicted` (of several labels those above one half, joined by `; `), `p/<class>`, of one class `confidence`, the
        largest of them; `entropy` in nats; of several members `mutual_information` and `disagreement`.
        """
        probabilities = answers.log_probs[place].exp().tolist()
        by_name = dict(zip(self.classes, probabilities, strict=True))
        top = max(by_name, key=by_name.__getitem__)
        labels = "; ".join(name for name, p in by_name.items() if p > 0.5)
        told: dict[str, Any] = {"predicted": labels if self.multilabel else top}
        told |= {f"p/{name}": p for name, p in by_name.items()}
        told |= {"confidence": by_name[top], "entropy": float(answers.entropy[place])}
        if self.several:
            told["mutual_information"] = float(answers.mutual_information[place])
            told["disagreement"] = float(answers.disagreement[place])
        return {name: told[name] for name in self.columns()}


def columns_of(classes: Sequence[str], *, multilabel: bool, several: bool) -> list[str]:
    """What is told of an image, in order.

    Args:
        classes: names in the order of the probabilities.
        multilabel: whether they are labels.
        several: whether members may disagree.
    """
    confidence = [] if multilabel else ["confidence"]
    doubt = ["mutual_information", "disagreement"] if several else []
    return ["predicted", *(f"p/{name}" for name in classes), *confidence, "entropy", *doubt]
