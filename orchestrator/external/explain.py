"""Why a sweep's network says what it says of a user's own images: maps, probabilities, uncertainty; stored and logged."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.external.chosen import Chosen, best_ensemble, best_network, named
from orchestrator.external.evaluate import known_sweep
from orchestrator.external.explanation import (
    Explained,
    ExplainedImage,
    ExplainedMember,
    Explanation,
    save_maps,
    write_pictures,
)
from orchestrator.external.predict import Progress, SweepPredictor, load_predictor
from orchestrator.storage.address import Storage
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from trainables.data.any_folder import find_images
from trainables.data.problems import several
from trainables.predictor import Seen
from trainables.spec import VERSIONS, content_key, nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 512
"""Pixels of the pictures: the maps are enlarged to it, and the image is decoded at it."""

AT_ONCE = 16
"""Images that are explained together; memory stays flat."""


@dataclass(frozen=True, kw_only=True)
class _Call:
    """What was asked for, ready to run."""

    store: Store
    ledger: Ledger
    predictor: SweepPredictor
    names: Mapping[str, str]  # of networks, by key
    method: str
    of_class: int | None
    members: bool
    out: Path


def explain(
    storage: Storage,
    sweep: str,
    places: Sequence[Path | str],
    *,
    method: str = "grad_cam",
    of_class: str | None = None,
    network: str | None = None,
    members: bool = False,
    out: Path | str | None = None,
    skip_bad: bool = False,
    on_progress: Progress | None = None,
) -> Explained:
    """Explain images, write the pictures and record each one in the sweep's ledger, once.

    Args:
        storage: the storage folder.
        sweep: name of the sweep.
        places: images, or folders of them.
        method: one of `trainables.explain.METHODS`.
        of_class: the class or label to explain; the most probable one of each image where left out.
        network: name or key of a network or ensemble. Without it the best network answers, and with `members` the best
            ensemble.
        members: also draw each member's map and what the members have in common.
        out: folder of the pictures; `explained` in the sweep's own folder where left out.
        skip_bad: give an image that cannot be read a problem instead of an error.
        on_progress: told of the images done.

    Raises:
        ValueError: no such sweep, network, class or place; a method that is not defined for the network; no ensemble to take
            members of; or an image that cannot be read.
    """
    store, ledger = Store(storage), known_sweep(storage, sweep)
    from trainables.explain.methods import require_method

    require_method(method)
    files = [(found.root, name) for place in places for found in [find_images(Path(place))] for name in found.names]
    predictor = load_predictor(store, _chosen(store, ledger, network, members))
    for classifier, _ in predictor.members:
        require_method(method, classifier)
    call = _Call(
        store=store,
        ledger=ledger,
        predictor=predictor,
        names={row.key: row.name for row in reversed(ledger.rows())},
        method=method,
        of_class=_class_number(predictor, of_class),
        members=members,
        out=Path(out) if out is not None else ledger.folder / "explained",
    )
    tell = on_progress or (lambda what, done, total: None)
    images: list[ExplainedImage] = []
    for start in range(0, len(files), AT_ONCE):
        images += _some(call, files[start : start + AT_ONCE], skip_bad)
        tell("explaining", len(images), len(files))
    chosen = predictor.chosen
    return Explained(
        sweep=ledger.name,
        key=chosen.key,
        kind=chosen.kind,
        name=chosen.name,
        temperature=predictor.temperature,
        method=method,
        out=str(call.out),
        images=tuple(images),
        remarks=tuple(_remarks(call)),
    )


def _chosen(store: Store, ledger: Ledger, network: str | None, members: bool) -> Chosen:
    if network is not None:
        chosen = named(store, ledger, network)
    else:
        chosen = best_ensemble(store, ledger) if members else best_network(store, ledger)
    if members and len(set(chosen.members)) < 2:
        raise ValueError(
            f"--members: {chosen.name} is a single network and has none. Name an ensemble with --network, or leave --network "
            "out for the best one."
        )
    return chosen


def _class_number(predictor: SweepPredictor, name: str | None) -> int | None:
    if name is None:
        return None
    if name not in predictor.classes:
        raise ValueError(f"--class {name}: the network knows no such class. {nearest(name, predictor.classes)}")
    return predictor.classes.index(name)


def _some(call: _Call, files: Sequence[tuple[Path, str]], skip_bad: bool) -> Iterator[ExplainedImage]:
    """Explain some images; whatever cannot be read is found before anything is stored."""
    seen = [(root, name, call.predictor.look(root, [name])) for root, name in files]
    bad = [problem for _, _, each in seen for problem in each.problems if problem is not None]
    if bad and not skip_bad:
        raise type(bad[0])(
            f"{several(bad)} With --skip-bad, images that cannot be read are told and left out.",
            bad[0].kind,
            bad[0].path,
        )
    for root, name, each in seen:
        problem = each.problems[0]
        if problem is not None:
            yield ExplainedImage(file=str(root / name), problem=str(problem))
            continue
        found = _explained(call, root / name, each)
        pictures = write_pictures(call.store, found, call.out, Path(name).stem, members=call.members)
        yield ExplainedImage(file=str(root / name), explanation=found, pictures=pictures)


def _explained(call: _Call, path: Path, seen: Seen) -> Explanation:
    """What the store and the ledger know of it, or what is computed now."""
    assert seen.logits is not None
    predictor = call.predictor
    before, after = predictor.told(seen.logits, 1.0), predictor.told(seen.logits, predictor.temperature)
    number = int(after.log_probs[0].argmax()) if call.of_class is None else call.of_class
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    name = predictor.classes[number]
    key = explanation_key(predictor.chosen.key, content, call.method, name)
    known = call.ledger.explanations().get(key)
    if known is not None and call.store.exists(key):
        return Explanation.from_plain(known)
    maps = _maps(call, path, seen, number, key)
    probabilities = after.log_probs[0].exp().tolist()
    above = "; ".join(each for each, p in zip(predictor.classes, probabilities, strict=True) if p > 0.5)
    found = Explanation(
        key=key,
        network=predictor.chosen.key,
        kind=predictor.chosen.kind,
        name=predictor.chosen.name,
        content=content,
        method=call.method,
        explained_class=name,
        predicted=above if predictor.multilabel else predictor.classes[int(after.log_probs[0].argmax())],
        uncalibrated=dict(zip(predictor.classes, before.log_probs[0].exp().tolist(), strict=True)),
        calibrated=dict(zip(predictor.classes, probabilities, strict=True)),
        temperature=predictor.temperature,
        entropy=float(after.entropy[0]),
        mutual_information=float(after.mutual_information[0]) if predictor.several else None,
        disagreement=float(after.disagreement[0]) if predictor.several else None,
        map_correlation=_correlation(maps, predictor.weights),
        members=tuple(_members(call, seen, number)),
        time=time.time(),
    )
    call.ledger.write_explanation(key, found.to_plain())
    return found


def explanation_key(network: str, content: str, method: str, of_class: str) -> str:
    """Key of an explanation: the network or ensemble, what the image file holds, method and class."""
    version = VERSIONS["explanation"] * 1000 + VERSIONS["predict"]
    settings = {"image": content, "method": method, "class": of_class, "side": SIDE}
    return content_key("explanation", version=version, settings=settings, inputs=[network])


def _maps(call: _Call, path: Path, seen: Seen, number: int, key: str) -> NDArray[np.float32]:
    """The members' maps, [members, side, side]; committed under the key."""
    import torch

    from orchestrator.provenance import provenance
    from trainables.data.decoding import decode_grey
    from trainables.explain.members import member_maps
    from trainables.predict import to_intensities

    attempt, started = call.store.begin(key), time.perf_counter()
    networks = [
        (classifier, to_intensities(torch.from_numpy(seen.pixels[size]))) for classifier, size in call.predictor.members
    ]
    maps: NDArray[np.float32] = member_maps(networks, torch.tensor([number]), call.method, side=SIDE)[:, 0].numpy()
    save_maps(attempt.folder, decode_grey(path, SIDE), maps)
    members = sorted(set(call.predictor.chosen.members))
    attempt.commit({"members": members, "seconds": {"total": time.perf_counter() - started}, **provenance()})
    return maps


def _correlation(maps: NDArray[np.float32], weights: Sequence[int]) -> float | None:
    import torch

    from trainables.explain.aggregate import agreement

    if len(maps) == 1:
        return None
    counted = torch.from_numpy(maps[:, ::4, ::4].copy()).repeat_interleave(torch.tensor(weights), dim=0)
    found = float(agreement(counted[:, None]).correlation[0])
    return None if math.isnan(found) else found


def _members(call: _Call, seen: Seen, number: int) -> Iterator[ExplainedMember]:
    """Each network alone; its logits stand together in those of all, as often as it counts."""
    assert seen.logits is not None
    predictor, start = call.predictor, 0
    keys = sorted(set(predictor.chosen.members))
    for key, (classifier, _), weight in zip(keys, predictor.members, predictor.weights, strict=True):
        alone = predictor.told(seen.logits[start : start + classifier.members], 1.0).log_probs[0]
        yield ExplainedMember(
            key=key,
            name=call.names.get(key, key),
            weight=weight,
            predicted=predictor.classes[int(alone.argmax())],
            probability=float(alone[number].exp()),
        )
        start += classifier.members * weight


def _remarks(call: _Call) -> Iterator[str]:
    from orchestrator.external.calibration import calibration_remarks
    from trainables.explain.methods import METHODS

    if not METHODS[call.method].of_a_class:
        yield f"{call.method} shows what the network responds to at all, not what speaks for a class."
    yield from calibration_remarks(call.store, call.predictor.chosen)
