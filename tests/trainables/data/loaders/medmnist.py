"""A small data set in the layout of MedMNIST."""

from pathlib import Path

import numpy as np

from tests.trainables.data.conftest import radiograph

COUNTS = {"train": 12, "val": 4, "test": 4}
IMAGES = sum(COUNTS.values())


def arrays(**counts: int) -> dict[str, np.ndarray]:
    """Images that all differ, with the labels 0 and 1 in turn."""
    made: dict[str, np.ndarray] = {}
    for n, (split, count) in enumerate((counts or COUNTS).items()):
        made[f"{split}_images"] = np.stack([np.asarray(radiograph(100 * n + image, 28)) for image in range(count)])
        made[f"{split}_labels"] = (np.arange(count, dtype=np.uint8) % 2)[:, None]
    return made


def write(root: Path) -> Path:
    """Write it as the published files are: compressed, alone in a folder."""
    folder = root / "medmnist"
    folder.mkdir()
    np.savez_compressed(folder / "pneumoniamnist.npz", **arrays())
    (folder / "README.md").write_text("about the data")
    return folder
