"""Arrays as AOPC and attentive results store them: random images, maps and responses."""

from __future__ import annotations

import torch

from tests.orchestrator.report.tiny_sweep import aopc_tensors


def compared_tensors(seed: int = 0, ids: tuple[int, ...] = (11, 12, 13)) -> dict[str, torch.Tensor]:
    """An AOPC result with the images that all networks are shown on."""
    random = torch.Generator().manual_seed(seed)
    maps = torch.rand(len(ids), 32, 32, generator=random)
    pixels = torch.stack([torch.full((32, 32), number * 7 % 256) for number in ids])
    return aopc_tensors() | {
        "compared/pixels": pixels.to(torch.uint8),
        "compared/maps": maps,
        "compared/targets": torch.arange(len(ids)) % 3,
        "compared/predicted": (torch.arange(len(ids)) + seed) % 3,
        "compared/ids": torch.tensor(ids),
    }


def attentive_tensors(images: int = 3, units: int = 6, shown: int = 4) -> dict[str, torch.Tensor]:
    """An attentive result."""
    random = torch.Generator().manual_seed(1)
    responses = torch.randn(images, units, 32, 32, generator=random)
    return {
        "gallery/pixels": torch.randint(0, 256, (images, 32, 32), generator=random).to(torch.uint8),
        "gallery/dominant": responses.amax(1).half(),
        "gallery/winners": responses.argmax(1).to(torch.int16),
        "gallery/individual": responses[:, :shown].half(),
        "gallery/units": torch.stack([torch.randperm(40, generator=random)[:units] for _ in range(images)]),
        "gallery/activations": torch.rand(images, units, generator=random).sort(descending=True).values,
        "gallery/scale": torch.ones(images),
        "gallery/targets": torch.arange(images) % 3,
        "gallery/predicted": torch.zeros(images, dtype=torch.long),
        "gallery/rows": torch.arange(images),
    }
