"""Batches from our cache, against torchvision's ImageFolder and DataLoader on the same files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Subset
from torchvision import datasets
from torchvision.transforms import InterpolationMode, v2

from benchmarks.measure import ratio_row
from trainables.data.augment import augment
from trainables.fit import Training
from trainables.spec import Augmentation

BATCH, SIDE, WORKERS = 32, 224, 2
CHANGES = Augmentation(flip=True, shift=0.1, rotate_degrees=10, zoom=0.1, shear_degrees=5, brightness=0.1, contrast=0.2)

_TO_FLOAT = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
_THE_SAME = [
    v2.RandomHorizontalFlip(),
    v2.RandomAffine(10, translate=(0.1, 0.1), scale=(0.9, 1.1), shear=5, interpolation=InterpolationMode.BILINEAR),
    v2.ColorJitter(brightness=0.1, contrast=0.2),
]


def rows(training: Training, root: Path, *, decoded_in: float, repetitions: int) -> list[dict[str, Any]]:
    """Passes over the training images, with and without augmentation; then the changes of a batch alone.

    Args:
        training: over the decoded images of the folder.
        root: the folder of JPEG files.
        decoded_in: seconds that the one decoding took, an image.
        repetitions: pairs measured.
    """
    images = len(training.train)
    sizes = f"{images} grey JPEG files of 320 px to {SIDE} px float, batch {BATCH}"
    peer = f"torchvision ImageFolder, DataLoader with {WORKERS} workers kept alive"
    plain = ratio_row(
        "an image from the cache",
        peer,
        lambda: our_pass(training, Augmentation()),
        their_pass(root, training, [v2.ToImage(), v2.Resize(SIDE), v2.ToDtype(torch.float32, scale=True)]),
        goal=0.125,
        repetitions=repetitions,
        sizes=sizes,
        note=f"the cache costs {1000 * decoded_in:.1f} ms an image once, on all cores; here one thread reads it",
    )
    changed = ratio_row(
        "an image from the cache, changed at random",
        f"{peer}, the same changes there by transforms v2",
        lambda: our_pass(training, CHANGES),
        their_pass(root, training, [v2.Resize(SIDE), *_THE_SAME, *_TO_FLOAT]),
        goal=1.0,
        repetitions=repetitions,
        sizes=sizes,
        note="theirs on Pillow images, which takes them less time than on tensors; ours on batches, in one thread",
    )
    return [plain, changed, _changes_alone(repetitions)]


def our_pass(training: Training, spec: Augmentation) -> None:
    """Every training image once, in batches, as an epoch gets them."""
    generator = torch.Generator().manual_seed(0)
    training.spec = replace(training.spec, augmentation=spec)
    for batch in torch.split(torch.randperm(len(training.train), generator=generator), BATCH):
        training._batch(batch, generator)


def their_pass(root: Path, training: Training, transforms: list[Any]) -> Callable[[], None]:
    """The same files through a DataLoader."""
    folder = datasets.ImageFolder(str(root), v2.Compose(transforms), loader=_grey)
    wanted = set(training.train.image_ids)
    chosen = [n for n, (path, _) in enumerate(folder.samples) if Path(path).relative_to(root).as_posix() in wanted]
    loader = DataLoader(
        Subset(folder, chosen), BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True, prefetch_factor=4
    )

    def work() -> None:
        shapes = {tuple(batch.shape[1:]) for batch, _ in loader}
        if shapes != {(1, SIDE, SIDE)}:
            raise RuntimeError(f"The DataLoader gave images of {shapes}; both sides must make the same.")

    return work


def _changes_alone(repetitions: int) -> dict[str, Any]:
    images = torch.rand(BATCH, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    return ratio_row(
        "random changes of a batch",
        "the functions of torchvision.transforms.v2, one change for the whole batch",
        lambda: augment(images, CHANGES, generator),
        lambda: _theirs_on_a_batch(images),
        goal=None,
        repetitions=4 * repetitions,
        sizes=f"batch {BATCH}, {SIDE} px float, in one thread",
        note="no goal: theirs change all images of a batch alike, which is less work and less augmentation than ours",
    )


def _theirs_on_a_batch(images: Tensor) -> Tensor:
    functional = v2.functional
    moved = functional.affine(
        functional.horizontal_flip(images),
        angle=7.0,
        translate=[9, -5],
        scale=1.05,
        shear=[3.0, 0.0],
        interpolation=InterpolationMode.BILINEAR,
    )
    changed: Tensor = functional.adjust_contrast(functional.adjust_brightness(moved, 1.05), 1.1)
    return changed


def _grey(path: str) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("L")
