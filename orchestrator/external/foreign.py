"""Out-of-distribution detection: whether a sweep's networks doubt images of another kind more than their own test images.

The folder needs no labels and no layout: any images that are not what the networks know. Nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from orchestrator.external.calibration import stored_temperature
from orchestrator.external.chosen import Chosen, ensembles, networks
from orchestrator.external.evaluate import known_sweep
from orchestrator.external.passes import classifier_of
from orchestrator.network import StoredNetwork
from orchestrator.storage.address import Storage
from orchestrator.storage.store import Store
from trainables.data.any_folder import FoundImages, decode_some, find_images
from trainables.data.problems import BadImage, several

if TYPE_CHECKING:
    from torch import Tensor

    from trainables.multilabel import AnyPredictions

Progress: TypeAlias = Callable[[str, int, int], None]

AT_ONCE = 256
"""Images that are decoded and predicted together; memory stays flat."""


@dataclass(frozen=True, kw_only=True)
class DetectionRow:
    """A network or an ensemble.

    Attributes:
        key, kind, name: as in the results table.
        metrics: `uncalibrated/ood_auroc_entropy`, `temperature/ood_fpr95_confidence` and so on; of an ensemble also those
            of `mutual_information`.
    """

    key: str
    kind: str
    name: str
    metrics: Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Detection:
    """What was found.

    Attributes:
        sweep: name of the sweep.
        folder: where the foreign images lie.
        images: how many there are.
        own_images: images of the sweep's test split that they are told apart from.
        rows: the best network first, then its seeds and other networks, then ensembles.
        left_out: images that could not be read.
    """

    sweep: str
    folder: str
    images: int
    own_images: int
    rows: tuple[DetectionRow, ...]
    left_out: tuple[str, ...] = field(default=())

    def to_plain(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def detect(
    storage: Storage,
    sweep: str,
    place: Path | str,
    *,
    on_bad_image: Literal["error", "skip"] = "error",
    every_trial: bool = False,
    on_progress: Progress | None = None,
) -> Detection:
    """Compare what networks say of foreign images with what they have said of the sweep's test images.

    Args:
        storage: the storage folder.
        sweep: name of the sweep.
        place: folder of foreign images, searched to any depth, or a single file.
        on_bad_image: whether images that cannot be read are an error, or are left out.
        every_trial: also the completed trials that are neither the best nor in an ensemble.
        on_progress: told how many images are done.

    Raises:
        ValueError: no such sweep, no completed trial, no image, or one that cannot be read.
    """
    store, ledger = Store(storage), known_sweep(storage, sweep)
    found = find_images(Path(place))
    chosen = [*networks(store, ledger, every_trial=every_trial), *ensembles(store, ledger)]
    stored = {key: StoredNetwork(store, key) for each in chosen for key in each.members}
    names, logits, bad = _predict(store, stored, found, on_progress or (lambda what, done, total: None))
    if bad and (on_bad_image == "error" or not names):
        raise type(bad[0])(f"{several(bad)} --on-bad-image skip leaves them out.", bad[0].kind, bad[0].path)
    return Detection(
        sweep=ledger.name,
        folder=str(place),
        images=len(names),
        own_images=len(stored[chosen[0].members[0]].predictions("test")),
        rows=tuple(_row(store, each, stored, names, logits) for each in chosen),
        left_out=tuple(str(each) for each in bad),
    )


def _predict(
    store: Store, stored: Mapping[str, StoredNetwork], found: FoundImages, tell: Progress
) -> tuple[list[str], dict[str, Tensor], list[BadImage]]:
    """Names of the images that could be read, logits [members, images, classes] by network, and the others' problems."""
    import numpy as np
    import torch

    from trainables.predict import logits_of

    classifiers = {key: classifier_of(store, key) for key in stored}
    sizes = {key: network.size for key, network in stored.items()}
    parts: dict[str, list[Tensor]] = {key: [] for key in stored}
    names: list[str] = []
    bad: list[BadImage] = []
    for start in range(0, len(found.names), AT_ONCE):
        some = found.names[start : start + AT_ONCE]
        decoded = {size: decode_some(found.root, some, size) for size in set(sizes.values())}
        first = next(iter(decoded.values()))
        bad += [each for each in first if isinstance(each, BadImage)]
        good = [n for n, each in enumerate(first) if not isinstance(each, BadImage)]
        names += [some[n] for n in good]
        for key, classifier in classifiers.items():
            if good:
                pixels = np.stack([np.asarray(decoded[sizes[key]][n]) for n in good])
                parts[key].append(logits_of(classifier, pixels)[0])
        tell("predicting", start + len(some), len(found.names))
    return names, {key: torch.cat(each, dim=1) for key, each in parts.items() if each}, bad


def _row(
    store: Store,
    chosen: Chosen,
    stored: Mapping[str, StoredNetwork],
    names: Sequence[str],
    logits: Mapping[str, Tensor],
) -> DetectionRow:
    import torch

    from trainables.metrics import prefixed
    from trainables.metrics.foreign import doubt, foreign_metrics
    from trainables.posthoc.temperature import apply_temperature
    from trainables.predictions import join_members

    members = sorted(chosen.members)
    own: AnyPredictions = join_members([stored[key].predictions("test") for key in members])
    foreign = _without_truth(own, torch.cat([logits[key] for key in members]), names)
    temperature = stored_temperature(store, chosen)
    cooled = [doubt(apply_temperature(each, temperature)) for each in (foreign, own)]
    metrics = prefixed("uncalibrated", foreign_metrics(doubt(foreign), doubt(own)))
    metrics |= prefixed("temperature", foreign_metrics(*cooled))
    return DetectionRow(key=chosen.key, kind=chosen.kind, name=chosen.name, metrics=metrics)


def _without_truth(like: AnyPredictions, logits: Tensor, names: Sequence[str]) -> AnyPredictions:
    """Predictions of images whose truth is none of the classes; what their targets hold is never read."""
    import torch

    from trainables.multilabel import MultiLabelPredictions
    from trainables.predictions import Predictions

    ids = tuple(names)
    if isinstance(like, MultiLabelPredictions):
        unknown = torch.full(logits.shape[1:], torch.nan)
        return MultiLabelPredictions(logits=logits, targets=unknown, image_ids=ids, split="foreign")
    targets = torch.zeros(len(names), dtype=torch.int64)
    return Predictions(logits=logits, targets=targets, image_ids=ids, split="foreign")
