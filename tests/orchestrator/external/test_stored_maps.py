"""Attentive maps of a network as it lies in the store, and the pictures that its run gets."""

import shutil

import numpy as np

from orchestrator.computation import compute
from orchestrator.network import StoredNetwork
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.tracking.pictures import load_tensors, network_pictures
from trainables.explain.attentive import attentive_responses
from trainables.posthoc.explained import intensities
from trainables.spec import AttentiveMaps, posthoc_key


def test_attentive_maps_of_a_stored_network(storage, tmp_path):
    runs = shutil.copytree(storage, tmp_path / "runs")
    store, ledger = Store(runs), Ledger(runs, "tiny")
    row = next(row for row in ledger.rows() if row.state == "completed")
    task = AttentiveMaps(images=2, units=4, shown=(3,))
    key = posthoc_key(task, [row.network])
    compute(store, task, key, [row.network])
    found = load_tensors(store.folder(key) / "tensors.safetensors")
    network = StoredNetwork(store, row.network)
    rows = found["gallery/rows"]
    wanted = attentive_responses(network.classifier(), intensities(network.images("test"), rows), units=4)
    np.testing.assert_array_equal(found["gallery/units"], wanted.units)
    scale = found["gallery/scale"][:, None, None]
    np.testing.assert_allclose(found["gallery/dominant"] * scale, wanted.dominant, atol=2e-3 * scale.max())
    assert store.manifest(key).meta["metrics"].keys() == {"test/winning_units"}
    pictures = network_pictures(store, row, {task: store.manifest(key)})
    assert {"figures/attentive.png", "figures/attentive_top_3.png"} <= set(pictures)
    for name in ("figures/attentive.png", "figures/attentive_top_3.png"):
        assert len(pictures[name].content()) > 20_000
