"""A small sweep with every kind of explanation that a report shows, and a training in two stages; nothing is computed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from orchestrator.chain import step_name
from tests.orchestrator.figures.galleries import attentive_tensors, compared_tensors
from tests.orchestrator.report import tiny_sweep
from tests.orchestrator.report.tiny_sweep import TinySweep
from trainables.spec import AttentiveMaps, MemberMaps, posthoc_key, to_plain

FIRST_FIT = "fit-00000000000000f1"
ROWS, SCORED = (5, 6, 7, 8), (8, 5, 20)
"""Rows of test that the gallery shows, and those whose AOPC is known."""
MAPS = MemberMaps(samples=2)
WORKER = {"device": "a GPU", "gpu": True, "gpus": 0.5, "threads": 2, "workers": 1}


def explained_sweep(storage: Path) -> TinySweep:
    """Two trials, the first of which was trained in two stages; with maps of all kinds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_sweep, "aopc_tensors", scored_tensors)
        sweep = tiny_sweep.finished_sweep(storage)
    definition = sweep.ledger.definition()
    tasks = [*definition["posthoc"], to_plain(AttentiveMaps()), to_plain(MAPS)]
    resources = {"cpus": 2, "gpus": 0.5, "workers": 1}
    sweep.ledger.write_definition({**definition, "posthoc": tasks, "resources": resources})
    row = sweep.ledger.rows()[0]
    row.first_key, row.first_fit_key = "network-00000000000000f1", FIRST_FIT
    sweep.ledger.write_row(row)
    _first_stage(sweep)
    _result(sweep, posthoc_key(AttentiveMaps(), [row.key]), attentive_tensors(), {"test/winning_units": 5.0})
    _result(sweep, posthoc_key(MAPS, [row.key]), maps_tensors(), maps_metrics(), {"method": "grad_cam"})
    return sweep


def scored_tensors() -> dict[str, Tensor]:
    """An AOPC result that says which images it shows, and how some of them score."""
    areas = torch.tensor([0.5, 0.25, 0.125])
    return compared_tensors() | {
        "gallery/rows": torch.tensor(ROWS),
        "compared/rows": torch.tensor(ROWS[:3]),
        "rows": torch.tensor(SCORED),
        "aopc_per_image": areas,
        "random_aopc_per_image": areas / 2,
    }


def maps_tensors(images: int = 3, members: int = 2, side: int = 32) -> dict[str, Tensor]:
    """A result of `MemberMaps`, with images that were rotated."""
    random = torch.Generator().manual_seed(3)
    masks = torch.zeros(images, side, side, dtype=torch.bool)
    masks[0, 4:9, 4:9] = True
    found = {"shown/targets": torch.arange(images) - 1, "shown/masks": masks, "rotated/degrees": torch.tensor(45)}
    for prefix in ("shown", "rotated"):
        probabilities = torch.rand(members, images, 3, generator=random)
        found |= {
            f"{prefix}/pixels": torch.randint(0, 256, (images, side, side), generator=random).to(torch.uint8),
            f"{prefix}/maps": torch.rand(members, images, 4, 4, generator=random).half(),
            f"{prefix}/probabilities": (probabilities / probabilities.sum(-1, keepdim=True)).half(),
            f"{prefix}/pooled": (probabilities / probabilities.sum(-1, keepdim=True)).mean(0).half(),
            f"{prefix}/aggregated/mean": torch.rand(images, 4, 4, generator=random).half(),
        }
    return found | {
        "shown/aggregated/single": torch.rand(images, 4, 4, generator=random).half(),
        "shown/deviation": 0.5 * torch.rand(images, 4, 4, generator=random).half(),
        "shown/agreement": torch.rand(images, 4, 4, generator=random).half(),
    }


def maps_metrics() -> dict[str, float | None]:
    """Its metrics."""
    ways = {f"{way}/test/aopc": 0.2 for way in ("single", "mean")}
    sure = ("map_correlation", "pair_certainty", "top_region_certainty", "top_region_low", "top_region_high")
    return {**ways, **{f"test/{name}": 0.5 for name in sure}, "test/scored_images": 3.0}


def _first_stage(sweep: TinySweep) -> None:
    """Two epochs of 1800 s each, with half a GPU."""
    for epoch in (1, 2):
        attempt = sweep.store.begin(f"{FIRST_FIT}/{step_name(epoch)}")
        (attempt.folder / "training.json").write_text(json.dumps({}))
        report = {
            "epoch": epoch,
            "metrics": {"train/loss": 3.0 / epoch, "val/nll": 1.5, "val/accuracy": 0.25},
            "best_epoch": epoch,
            "finished": epoch == 2,
            "seconds": {"train": 1800.0},
            "worker": WORKER,
        }
        attempt.commit({"report": report})


def _result(
    sweep: TinySweep, key: str, tensors: dict[str, Tensor], metrics: dict[str, float | None], details: object = None
) -> None:
    attempt = sweep.store.begin(key)
    save_file(tensors, attempt.folder / "tensors.safetensors")
    meta = {"metrics": metrics, "seconds": {"maps": 3.0, "total": 4.0}, "remarks": [], "details": details or {}}
    attempt.commit({**meta, "device": "a GPU", "worker": {**WORKER, "gpus": 0.0}})
