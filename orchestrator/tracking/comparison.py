"""The pictures of the sweep's own run: explanations of its trials beside one another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.tracking import pictures
from orchestrator.tracking.protocol import Artifact


def sweep_pictures(store: Store, ledger: Ledger, results: Sequence[str]) -> dict[str, Artifact]:
    """AOPC by step with the final table, and maps of the same images; none before two networks are explained.

    Args:
        store: with the results, read when a picture is sent.
        ledger: of the sweep.
        results: keys of the AOPC results, which name the pictures.
    """
    if len(results) < 2:
        return {}
    identity = hashlib.sha256(" ".join(results).encode()).hexdigest()[:16]

    def draw_areas() -> bytes:
        from orchestrator.compared import area_curves, area_table, compared_networks
        from orchestrator.figures.compared import areas_picture

        networks = compared_networks(store, ledger)
        title = f"{ledger.name}: AOPC by step, trials compared"
        return areas_picture(area_curves(networks), area_table(networks), title=title)

    def draw_grid() -> bytes:
        from orchestrator.compared import compared_networks, image_grid
        from orchestrator.figures.compared import grid_picture

        grid = image_grid(compared_networks(store, ledger))
        return grid_picture(grid, title=f"{ledger.name}: Grad-CAM of the true class, trials compared")

    return {
        "figures/aopc_by_step.png": pictures._picture(f"{identity}-areas", draw_areas),
        "figures/saliency_by_trial.png": pictures._picture(f"{identity}-grid", draw_grid),
    }
