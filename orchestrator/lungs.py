"""The U-Net that maps the lungs of a data set: trained once, and shared by every trial that looks at lungs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.data import arrays_folder, open_data
from orchestrator.provenance import provenance, worker
from orchestrator.storage.store import MissingArtifact, Store
from trainables.spec import LungSegmentation, to_plain
from trainables.spec.files import WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor


def make_lungs(store: Store, key: str, spec: LungSegmentation, data_key: str, threads: int) -> None:
    """Train a U-Net on the lung masks of a data set and commit it, unless it is there.

    Of several trials that need it at once one trains it, and the others wait. A training that was killed begins anew.

    Raises:
        RuntimeError: the training failed.
    """
    with store.turn(key):
        if not store.exists(key):
            try:
                _make(store, key, spec, data_key, threads)
            except Exception as failure:
                raise RuntimeError(f"In the lung segmentation: {type(failure).__name__}: {failure}") from failure


def _make(store: Store, key: str, spec: LungSegmentation, data_key: str, threads: int) -> None:
    import torch
    from safetensors.torch import save_file

    from trainables.data.stored import load_lung_masks
    from trainables.segmentation import train_lungs

    torch.set_num_threads(threads)
    masks = load_lung_masks(store.folder(data_key), arrays_folder(store, data_key))
    if masks is None:
        raise ValueError(f"{data_key} has no lung masks. Give a data set with a mask for every image.")
    attempt = store.begin(key)
    found = train_lungs(spec, open_data(store, data_key), masks)
    save_file(dict(found.weights), attempt.folder / WEIGHTS)
    attempt.commit(
        {
            "spec": to_plain(spec),
            "data": data_key,
            "metrics": dict(found.metrics),
            "best_epoch": found.best_epoch,
            "epochs": [dict(each) for each in found.epochs],
            "threads": threads,
            "worker": worker(threads=threads),
            "seconds": dict(found.seconds),
            **provenance(),
        }
    )


def lung_weights(store: Store, key: str) -> dict[str, Tensor]:
    """The weights of a trained U-Net."""
    from safetensors.torch import load_file

    return load_file(store.file(key, WEIGHTS))


def lungs_summary(store: Store, key: str) -> dict[str, Any]:
    """Key, metrics by `split/name` and seconds of a trained U-Net; empty if there is none."""
    try:
        meta = store.manifest(key).meta if key else None
    except MissingArtifact:
        meta = None
    return {"key": key, "metrics": meta["metrics"], "seconds": meta["seconds"]} if meta else {}


def lungs_remark(metrics: Mapping[str, float]) -> str:
    """What a reader of the results should know about the maps."""
    named = ", ".join(f"{metrics[name]:.3f} on {name.split('/')[0]}" for name in metrics if name.endswith("/dice"))
    return f"Looks at the lungs through a U-Net trained on the masks of train. Dice: {named}. Its maps of train are in-sample."
