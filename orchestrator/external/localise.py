"""Maps of a sweep's network against masks that a user supplies: landmarks (paper P4), lesions, lungs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from orchestrator.external.chosen import best_network, named
from orchestrator.network import StoredNetwork
from orchestrator.storage.address import Storage
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store


def localise_against(
    storage: Storage,
    sweep: str,
    folder: Path,
    *,
    network: str | None = None,
    method: str = "grad_cam",
    split: Literal["val", "test"] = "test",
    seed: int = 0,
) -> dict[str, Any]:
    """Score maps of the predicted class on the correctly predicted images that have a mask.

    Of an ensemble it is the mean of its networks' maps, each scaled from 0 to 1. Nothing is stored: masks belong to no key.

    Args:
        storage: the storage folder.
        sweep: its name.
        folder: masks as PNG files, called like the images (see `trainables.data.mask_folder`).
        network: name or key of a network or ensemble; the best network on val if None.
        method: one of `trainables.explain.methods.METHODS`.
        split: whose images.
        seed: of methods that draw.

    Raises:
        ValueError: no such network, method or folder, no mask for any image, or images of several labels.
    """
    import numpy as np
    import torch

    from trainables.data.mask_folder import find_masks, read_masks
    from trainables.explain.aggregate import scaled
    from trainables.explain.methods import require_method
    from trainables.posthoc.explained import intensities
    from trainables.posthoc.localisation import localisation_metrics
    from trainables.posthoc.map_members import NetworkMembers

    store, ledger = Store(storage), Ledger(storage, sweep)
    chosen = named(store, ledger, network) if network else best_network(store, ledger)
    stored = [StoredNetwork(store, key) for key in dict.fromkeys(chosen.members)]
    if stored[0].multilabel:
        raise ValueError(
            f"{chosen.name} predicts several labels an image, and a mask here is of the one predicted class."
        )
    members = NetworkMembers([each.classifier() for each in stored])
    require_method(method, stored[0].classifier())
    images = stored[0].images(split)
    paths = find_masks(folder, images.image_ids)
    rows = np.array([row for row, name in enumerate(images.image_ids) if name in paths], dtype=np.int64)
    pixels, targets = intensities(images, rows), torch.from_numpy(np.array(images.targets[rows]))
    predicted = _predicted(members, pixels)
    correct = predicted == targets
    maps = scaled(members.member_maps(pixels[correct], predicted[correct], method, seed).float()).mean(0)
    right = [images.image_ids[row] for row in rows[correct.numpy()]]
    masks = torch.from_numpy(read_masks([paths[name] for name in right], pixels.shape[2]))
    metrics = localisation_metrics(maps, masks)
    return {
        "sweep": sweep,
        "network": chosen.name,
        "method": method,
        "split": split,
        "masked_images": len(rows),
        "scored_images": len(right),
        "metrics": {f"{split}/{name}": value for name, value in metrics.items()},
    }


def _predicted(members: Any, pixels: Any) -> Any:
    import torch

    with torch.no_grad():
        parts = [members.log_probs(some).argmax(1) for some in torch.split(pixels, 16)]
    return torch.cat(parts)
