"""What a network says about external images: logits and features, computed once and kept in the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.network import StoredNetwork
from orchestrator.provenance import provenance
from orchestrator.storage.store import Store
from trainables.spec import VERSIONS, content_key

if TYPE_CHECKING:
    from torch import Tensor

    from trainables.models import Classifier
    from trainables.multilabel import AnyPredictions

PREDICTIONS, FEATURES = "predictions.safetensors", "features.safetensors"
SPLIT = "external"


def pass_key(external: str, network: str) -> str:
    """Key of a network's pass over decoded external images."""
    return content_key("pass", version=VERSIONS["predict"], settings={}, inputs=[external, network])


def compute_pass(
    store: Store, external: str, network: str, on_progress: Callable[[int, int], None] | None = None
) -> str:
    """Run a network over external images, unless that was done before, and return the key of what it says."""
    key = pass_key(external, network)
    if store.exists(key):
        return key
    from safetensors.torch import save_file

    from trainables.data.stored import load
    from trainables.predict import one_pass

    attempt = store.begin(key)
    started = time.perf_counter()
    images = load(store.folder(external))
    predictions, features = one_pass(classifier_of(store, network), images, split=SPLIT, on_progress=on_progress)
    predictions.save(attempt.folder / PREDICTIONS)
    save_file({"features": features}, attempt.folder / FEATURES)
    seconds = {"one_pass": time.perf_counter() - started}
    attempt.commit({"external": external, "network": network, "seconds": seconds, **provenance()})
    return key


def load_predictions(store: Store, key: str) -> AnyPredictions:
    """The logits of a pass, one member for each head of the network."""
    from trainables.multilabel import load_predictions as load

    return load(store.file(key, PREDICTIONS))


def load_features(store: Store, key: str) -> Tensor:
    """The penultimate features of a pass, rows as in its predictions."""
    from safetensors.torch import load_file

    path: Path = store.file(key, FEATURES)
    return load_file(path)["features"]


def classifier_of(store: Store, network: str) -> Classifier:
    """A stored network on the GPU, if there is one."""
    import torch

    return StoredNetwork(store, network).classifier().to("cuda" if torch.cuda.is_available() else "cpu")
