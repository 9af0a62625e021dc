"""Calibrated probabilities and uncertainty for a user's own images: no labels, no layout, nothing is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
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
from trainables.data.any_folder import FoundImages, find_images
from trainables.data.problems import BadImage, several
from trainables.predictor import Predictor

if TYPE_CHECKING:
    import pandas as pd


Progress: TypeAlias = Callable[[str, int, int], None]

AT_ONCE = 256
"""Images that are decoded and predicted together; memory stays flat."""


@dataclass(frozen=True, kw_only=True)
class SweepPredictor(Predictor):
    """The networks of a sweep that answer.

    Attributes:
        chosen: the network or ensemble.
    """

    chosen: Chosen


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


def load_predictor(store: Store, chosen: Chosen) -> SweepPredictor:
    """Read the networks; members in the order of their keys."""
    counts = Counter(chosen.members)
    stored = [StoredNetwork(store, key) for key in sorted(counts)]
    return SweepPredictor(
        chosen=chosen,
        pooled=chosen.kind == "ensemble",
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
            answered = {} if problem or answers is None else predictor.row(answers, good.index(place))
            yield {"file": name, **answered, "problem": str(problem) if problem else ""}
        tell("predicting", start + len(names), len(found.names))
    if bad and not skip_bad:
        raise type(bad[0])(
            f"{several(bad)} With --skip-bad, images that cannot be read get a row without prediction.",
            bad[0].kind,
            bad[0].path,
        )


def _frame(
    predictor: SweepPredictor, sweep: str, found: FoundImages, rows: list[dict[str, Any]], skip_bad: bool
) -> pd.DataFrame:
    import pandas as pd

    columns = ["file", *predictor.columns()]
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
