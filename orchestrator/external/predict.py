"""Calibrated probabilities and uncertainty for a user's own images: no labels, no layout, nothing is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from orchestrator.external.calibration import stored_temperature
from orchestrator.external.chosen import Chosen, best_network, named
from orchestrator.external.evaluate import known_sweep
from orchestrator.external.passes import classifier_of
from orchestrator.network import StoredNetwork
from orchestrator.storage.address import Storage
from orchestrator.storage.store import Store
from trainables.data.any_folder import FoundImages, decode_some, find_images
from trainables.data.problems import BadImage, several

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from torch import Tensor

    from trainables.models import Classifier
    from trainables.unlabelled import Answers

Progress: TypeAlias = Callable[[str, int, int], None]

AT_ONCE = 256
"""Images that are decoded and predicted together; memory stays flat."""


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
        chosen: the network or ensemble.
        classes: names in the order of the probabilities.
        multilabel: whether they are labels of which an image may have several.
        temperature: the sweep's own, fitted on its calib split.
        members: network and side of its images in pixels.
        weights: how often each counts; a selection may have taken one several times.
    """

    chosen: Chosen
    classes: tuple[str, ...]
    multilabel: bool
    temperature: float
    members: tuple[tuple[Classifier, int], ...]
    weights: tuple[int, ...]

    @property
    def several(self) -> bool:
        """Whether members may disagree: an ensemble, or a network of several heads."""
        return self.chosen.kind == "ensemble" or any(classifier.members > 1 for classifier, _ in self.members)

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


def predict(
    storage: Storage,
    sweep: str,
    place: Path | str,
    *,
    network: str | None = None,
    skip_bad: bool = False,
    on_progress: Progress | None = None,
) -> pd.DataFrame:
    """Predict the images in a folder and all below it, or a single image.

    Args:
        storage: the storage folder.
        sweep: name of the sweep.
        place: folder or image file; any name and depth.
        network: name or key of a network or an ensemble; None for the best single network on val.
        skip_bad: give images that cannot be read a row with a `problem` instead of an error.
        on_progress: told how many images are done.

    Returns:
        A row an image, sorted by `file`: `file` (below the folder), `predicted`, `p/<class>`, `confidence` (the largest
        probability), `entropy` in nats; of several members also `mutual_information` and `disagreement`; with `skip_bad` also
        `problem`, empty where there is none. A network of several labels has the labels above one half in `predicted`,
        joined by `; `, and no `confidence`. `attrs` hold sweep, key, kind, name, temperature and the left-out files.

    Raises:
        ValueError: no such sweep, network or place, or an image that cannot be read.
    """
    store, ledger = Store(storage), known_sweep(storage, sweep)
    found = find_images(Path(place))
    chosen = best_network(store, ledger) if network is None else named(store, ledger, network)
    predictor = load_predictor(store, chosen)
    rows = list(_rows(predictor, found, skip_bad, on_progress or (lambda what, done, total: None)))
    return _frame(predictor, ledger.name, found, rows, skip_bad)


def load_predictor(store: Store, chosen: Chosen) -> Predictor:
    """Read the networks; members in the order of their keys."""
    counts = Counter(chosen.members)
    stored = [StoredNetwork(store, key) for key in sorted(counts)]
    return Predictor(
        chosen=chosen,
        classes=stored[0].classes,
        multilabel=stored[0].multilabel,
        temperature=stored_temperature(store, chosen),
        members=tuple((classifier_of(store, network.key), network.size) for network in stored),
        weights=tuple(counts[network.key] for network in stored),
    )


def _rows(predictor: Predictor, found: FoundImages, skip_bad: bool, tell: Progress) -> Iterator[dict[str, Any]]:
    bad: list[BadImage] = []
    for start in range(0, len(found.names), AT_ONCE):
        names = found.names[start : start + AT_ONCE]
        good, answers, problems = predictor.answer(found.root, names)
        bad += [each for each in problems if each is not None]
        for place, (name, problem) in enumerate(zip(names, problems, strict=True)):
            answered = {} if problem or answers is None else _told(predictor, answers, good.index(place))
            yield {"file": name, **answered, "problem": str(problem) if problem else ""}
        tell("predicting", start + len(names), len(found.names))
    if bad and not skip_bad:
        raise type(bad[0])(
            f"{several(bad)} With --skip-bad, images that cannot be read get a row without prediction.",
            bad[0].kind,
            bad[0].path,
        )


def _told(predictor: Predictor, answers: Answers, place: int) -> dict[str, Any]:
    probabilities = answers.log_probs[place].exp().tolist()
    by_name = dict(zip(predictor.classes, probabilities, strict=True))
    top = max(by_name, key=by_name.__getitem__)
    several_ = "; ".join(name for name, p in by_name.items() if p > 0.5)
    told: dict[str, Any] = {"predicted": several_ if predictor.multilabel else top}
    told |= {f"p/{name}": p for name, p in by_name.items()}
    told |= {"confidence": by_name[top], "entropy": float(answers.entropy[place])}
    if predictor.several:
        told["mutual_information"] = float(answers.mutual_information[place])
        told["disagreement"] = float(answers.disagreement[place])
    return told


def _frame(
    predictor: Predictor, sweep: str, found: FoundImages, rows: list[dict[str, Any]], skip_bad: bool
) -> pd.DataFrame:
    import pandas as pd

    confidence = [] if predictor.multilabel else ["confidence"]
    columns = ["file", "predicted", *(f"p/{name}" for name in predictor.classes), *confidence, "entropy"]
    columns += ["mutual_information", "disagreement"] if predictor.several else []
    frame = pd.DataFrame(rows, columns=[*columns, "problem"] if skip_bad else columns)
    chosen = predictor.chosen
    frame.attrs |= {
        "sweep": sweep,
        "key": chosen.key,
        "kind": chosen.kind,
        "name": chosen.name,
        "temperature": predictor.temperature,
        "left_out": list(found.others),
    }
    return frame
