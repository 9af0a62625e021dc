"""Which figures a run shows, and from which stored results they are drawn when they are sent."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.computation import predictions_file
from orchestrator.figures.words import task_label
from orchestrator.storage.ledger import Row
from orchestrator.storage.store import Manifest, MissingArtifact, Store
from orchestrator.tracking.protocol import Artifact
from trainables.spec import AttentiveMaps, NetworkTask

if TYPE_CHECKING:
    from orchestrator.figures.attentive import Attentive
    from trainables.metrics import ReliabilityCurve

logger = logging.getLogger(__name__)

VERSION = 1
SPLIT = "test"
TENSORS = "tensors.safetensors"


def network_pictures(store: Store, row: Row, results: Mapping[NetworkTask, Manifest]) -> dict[str, Artifact]:
    """Learning curves, and what the results that are there can show."""
    pictures = dict(_of_epochs(row))
    for task, manifest in results.items():
        name = task.name or task.kind
        if task.kind == "aopc":
            pictures |= _of_explanations(store, row.key, manifest.key, name)
        elif task.kind == "evaluation":
            pictures |= _of_doubt(store, manifest.key, row.name)
        elif task.kind == "member_maps":
            pictures |= maps_pictures(store, row.key, manifest.key, name)
        elif task.kind == "attentive":
            pictures |= _of_units(store, row.key, manifest.key, task, row.name)
        elif task.kind == "temperature":
            before, after = (row.key, predictions_file(SPLIT)), (manifest.key, predictions_file(SPLIT))
            pictures |= _of_reliability(store, {"as trained": before, "temperature": after}, row.name)
    return pictures


def ensemble_pictures(store: Store, key: str) -> dict[str, Artifact]:
    """Reliability of the pooled prediction, before and after its temperature; quality by size where sizes were asked for."""
    files = {"pooled": (key, predictions_file(SPLIT)), "temperature": (key, predictions_file(f"temperature/{SPLIT}"))}
    return _of_reliability(store, files, "ensemble") | dict(_of_sizes(store, key))


def maps_pictures(store: Store, network: str, key: str, name: str) -> dict[str, Artifact]:
    """Grids of members by images and of ways to aggregate, certainty of regions, rotated images, and numbers by angle."""
    if not _has_file(store, key, TENSORS):
        return {}

    def artifact(part: str) -> Artifact:
        def draw() -> bytes:
            from orchestrator.figures.member_files import maps_picture

            classes = store.manifest(network).meta["classes"]
            return maps_picture(part, load_tensors(store.file(key, TENSORS)), classes, name)

        return _picture(f"{key}-{part}", draw)

    names = _tensor_names(store, key)
    parts = [
        *(["members", "aggregations"] if "shown/pixels" in names else []),
        *(["regions"] if "shown/rows" in names else []),
        *(["rotated", "angles"] if "rotated/pixels" in names else []),
    ]
    return {f"figures/{name}_{part}.png": artifact(part) for part in parts}


def _tensor_names(store: Store, key: str) -> set[str]:
    from safetensors import safe_open

    with safe_open(store.folder(key) / TENSORS, "np") as file:
        return set(file.keys())


def explanation_pictures(store: Store, key: str, plain: Mapping[str, Any]) -> dict[str, Artifact]:
    """An explained image: map and probabilities, the map at several opacities, and what members see."""

    def draw(name: str) -> bytes:
        from orchestrator.external.explanation import load_maps
        from orchestrator.figures.explained import pictures_of

        pixels, maps = load_maps(store, key, [member["weight"] for member in plain["members"]])
        return pictures_of(plain, pixels, maps, members=True)[name]()

    names = ("explanation", "overlays", *(["members"] if len(plain["members"]) > 1 else []))
    return {f"figures/{name}.png": _picture(f"{key}-{name}", functools.partial(draw, name)) for name in names}


def load_tensors(path: Path) -> dict[str, Any]:
    """The tensors of a result as arrays."""
    from safetensors.numpy import load_file

    return dict(load_file(path))


def reliability_of_file(path: Path) -> ReliabilityCurve:
    """The reliability of stored predictions."""
    from trainables.metrics import reliability
    from trainables.multilabel import load_predictions

    return reliability(load_predictions(path))


def _of_epochs(row: Row) -> Iterator[tuple[str, Artifact]]:
    if row.reports:
        last = row.reports[-1]

        def draw() -> bytes:
            from orchestrator.figures.files import learning_curves

            return learning_curves(row)

        yield "figures/learning_curves.png", _picture(f"{row.name}-{last.epoch}-{last.best_epoch}", draw)


def _of_reliability(store: Store, files: Mapping[str, tuple[str, str]], title: str) -> dict[str, Artifact]:
    if not all(_has_file(store, key, name) for key, name in files.values()):
        return {}

    def draw() -> bytes:
        from orchestrator.figures.files import reliability_diagrams

        curves = {label: reliability_of_file(store.file(key, name)) for label, (key, name) in files.items()}
        return reliability_diagrams(curves, title=f"{title}, {SPLIT}")

    return {"figures/reliability.png": _picture("-".join(key for key, _ in files.values()), draw)}


def _of_sizes(store: Store, key: str) -> Iterator[tuple[str, Artifact]]:
    from orchestrator.figures.sizes import sized_metrics

    metrics = store.manifest(key).meta["metrics"]
    if sized_metrics(metrics):

        def draw() -> bytes:
            from orchestrator.figures.files import size_curves

            return size_curves(metrics, title=f"ensemble by size, {SPLIT}")

        yield "figures/size_curve.png", _picture(f"{key}-sizes", draw)


def _of_doubt(store: Store, key: str, title: str) -> dict[str, Artifact]:
    if not _has_file(store, key, TENSORS):
        return {}

    def draw() -> bytes:
        from orchestrator.figures.files import risk_coverage

        return risk_coverage(load_tensors(store.file(key, TENSORS)), title=f"{title}, {SPLIT}")

    return {"figures/risk_coverage.png": _picture(f"{key}-doubt", draw)}


def _of_explanations(store: Store, network: str, key: str, name: str) -> dict[str, Artifact]:
    if not _has_file(store, key, TENSORS):
        return {}

    def draw_curves() -> bytes:
        from orchestrator.figures.files import perturbation_curves

        return perturbation_curves(load_tensors(store.file(key, TENSORS)), title=task_label(name))

    def draw_maps() -> bytes:
        from orchestrator.figures.files import saliency_grid

        classes = store.manifest(network).meta["classes"]
        return saliency_grid(load_tensors(store.file(key, TENSORS)), classes, title="truth and prediction")

    def draw_overlays() -> bytes:
        from orchestrator.figures.compared import overlays_picture
        from orchestrator.figures.saliency import explained_images

        classes = store.manifest(network).meta["classes"]
        images = list(explained_images(load_tensors(store.file(key, TENSORS)), classes))
        return overlays_picture(images, title="Grad-CAM at several opacities")

    return {
        f"figures/{name}_curve.png": _picture(f"{key}-curve", draw_curves),
        f"figures/{name}_saliency.png": _picture(f"{key}-saliency", draw_maps),
        f"figures/{name}_overlays.png": _picture(f"{key}-overlays", draw_overlays),
    }


def _of_units(store: Store, network: str, key: str, task: AttentiveMaps, title: str) -> dict[str, Artifact]:
    """Attentive maps together, and unit by unit."""
    if not _has_file(store, key, TENSORS):
        return {}

    def images() -> list[Attentive]:
        from orchestrator.figures.attentive import attentive_images

        classes = store.manifest(network).meta["classes"]
        return list(attentive_images(load_tensors(store.file(key, TENSORS)), classes))

    def draw() -> bytes:
        from orchestrator.figures.attentive import attentive_picture

        return attentive_picture(images(), title=f"{title}, attentive response maps: truth and prediction")

    def draw_units(shown: int) -> bytes:
        from orchestrator.figures.attentive import units_picture

        return units_picture(images(), shown, title=f"{title}, the {shown} most activated units")

    pictures = {f"figures/{task.name}.png": _picture(f"{key}-dominant", draw)}
    for shown in task.shown:
        path = f"figures/{task.name}_top_{shown}.png"
        pictures[path] = _picture(f"{key}-top-{shown}", functools.partial(draw_units, shown))
    return pictures


def _has_file(store: Store, key: str, name: str) -> bool:
    try:
        return name in store.manifest(key).files
    except MissingArtifact:
        return False


def _picture(identity: str, draw: Callable[[], bytes]) -> Artifact:
    """A picture that says why it cannot be drawn, if it cannot: that must not keep metrics from arriving."""

    def content() -> bytes:
        from orchestrator.figures.files import note

        try:
            return draw()
        except Exception as error:  # files deleted or damaged since
            logger.debug("a figure could not be drawn", exc_info=True)
            return note(f"This figure could not be drawn: {error}")

    return Artifact(identity=f"v{VERSION}-{identity}", content=content)
