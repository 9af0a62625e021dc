"""A store and a ledger as a small sweep leaves them: random predictions, real post-hoc tasks, no training."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from orchestrator.computation import compute
from orchestrator.storage.ledger import Ledger, Report, Row
from orchestrator.storage.store import Store
from search_spaces.objective import Objective
from trainables.predictions import Predictions
from trainables.spec import (
    SPLITS,
    Aopc,
    Ensemble,
    Evaluation,
    PosthocSpec,
    SmallCNN,
    Synthetic,
    Temperature,
    TrialSpec,
    posthoc_key,
    to_plain,
)

CLASSES = ("normal", "<b>opacity</b> & $x$", "effusion")
TASKS: tuple[PosthocSpec, ...] = (Evaluation(), Temperature(), Aopc(), Ensemble(members="top", size=3))
IMAGES = 60
DATA = "data-00000000000000aa"
DISTRIBUTIONS = {
    "learning_rate": {"name": "FloatDistribution", "attributes": {"low": 1e-4, "high": 1e-1, "log": True}},
    "loss": {"name": "CategoricalDistribution", "attributes": {"choices": ["focal", "cross_entropy"]}},
}


class TinySweep:
    """Writes rows and artifacts one by one."""

    def __init__(self, storage: Path, *objectives: Objective) -> None:
        self.store, self.ledger = Store(storage), Ledger(storage, "tiny")
        named = objectives or (Objective(metric="val/nll", mode="min"),)
        self.ledger.write_definition(
            {
                "name": "tiny",
                "space": "tiny",
                "objectives": [vars(objective) for objective in named],
                "trials": 6,
                "posthoc": [to_plain(task) for task in TASKS],
                "data": "",
                "fingerprints": ["folder-00ff"],
                "description": "A sweep of <nobody>.",
                "created": 1.8e9,
                "versions": {"torch": "2.9"},
                "commit": "c0ffee",
            }
        )

    def add_data(self, *remarks: str) -> None:
        attempt = self.store.begin(DATA)
        table = {
            "ids": [f"{split}/{n}" for split in SPLITS for n in range(IMAGES)],
            "groups": [f"{split}-patient-{n // 3}" for split in SPLITS for n in range(IMAGES)],
            "splits": [split for split in SPLITS for _ in range(IMAGES)],
            "classes": CLASSES,
            "patients_known": True,
            "remarks": remarks,
            "counts": {"splits": {split: dict.fromkeys(CLASSES, IMAGES // 3) for split in SPLITS}},
        }
        (attempt.folder / "table.json").write_text(json.dumps(table))
        attempt.commit({"kind": "synthetic"})

    def add_trial(self, number: int, *, state: str = "completed", reason: str = "", epochs: int = 3) -> Row:
        reports = [
            Report(
                epoch=epoch,
                metrics=_epoch_metrics(number, epoch),
                best_epoch=epoch,
                finished=False,
                seconds={"train": 2.0},
            )
            for epoch in range(1, epochs + 1)
        ]
        row = Row(
            kind="trial",
            number=number,
            spec=to_plain(TrialSpec(data=Synthetic(), model=SmallCNN(), seed=number)),
            key=f"network-{number:016x}",
            fit_key=f"fit-{number:016x}",
            data_key=DATA,
            params={"learning_rate": 10.0 ** -(1 + number % 3), "loss": ("focal", "cross_entropy")[number % 2]},
            distributions={name: json.dumps(each) for name, each in DISTRIBUTIONS.items()},
            state=state,  # type: ignore[arg-type]
            reports=reports,
            reason=reason,
        )
        self.ledger.write_row(row)
        return row

    def add_results(self, row: Row) -> None:
        attempt = self.store.begin(row.key)
        for place, split in enumerate(SPLITS):
            _predictions(row.number, place, split).save(attempt.folder / f"predictions-{split}.safetensors")
        attempt.commit(
            {
                "spec": row.spec,
                "data": DATA,
                "classes": CLASSES,
                "seconds": {"one_pass": 0.5},
                "device": "a <fast> device",
            }
        )
        for task in TASKS[:2]:
            compute(self.store, task, posthoc_key(task, [row.key]), [row.key])
        self._add_aopc(row)

    def add_ensemble(self, *rows: Row) -> str:
        task, members = TASKS[3], [row.key for row in rows]
        key = posthoc_key(task, members)
        self.ledger.write_ensemble(
            key, {"task": to_plain(task), "name": task.name, "members": members, "superseded": False}
        )
        compute(self.store, task, key, members)
        return key

    def add_failed_task(self, row: Row, error: str) -> None:
        failure = {"task": to_plain(Temperature()), "members": [row.key], "error": error}
        self.ledger.write_failure("temperature-00000000000000ff", failure)

    def _add_aopc(self, row: Row) -> None:
        key = posthoc_key(TASKS[2], [row.key])
        attempt = self.store.begin(key)
        save_file(aopc_tensors(), attempt.folder / "tensors.safetensors")
        metrics = {"test/aopc": 0.25, "test/aopc_random": 0.125, "test/aopc_gain": 0.125, "test/pointing_game": None}
        remark = f"Localisation leaves out {12 + row.number} of 64 images, whose mask is empty."
        attempt.commit({"metrics": metrics, "seconds": {"curves": 1.0, "total": 1.5}, "remarks": [remark]})


def finished_sweep(storage: Path) -> TinySweep:
    """Two completed trials with all results and an ensemble, one stopped trial, one failed one."""
    sweep = TinySweep(storage)
    sweep.add_data("Patients are unknown.")
    rows = [sweep.add_trial(number) for number in range(2)]
    for row in rows:
        sweep.add_results(row)
    sweep.add_trial(2, state="stopped", epochs=1)
    sweep.add_trial(3, state="failed", epochs=0, reason="FloatingPointError: <script>alert('loss')</script>")
    sweep.add_ensemble(*rows)
    sweep.ledger.write_outcome("finished")
    return sweep


def aopc_tensors() -> dict[str, torch.Tensor]:
    curve = torch.linspace(0.9, 0.3, 10)
    maps = torch.rand(4, 32, 32, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(4, 32, 32, dtype=torch.bool)
    masks[1, 8:16, 8:20] = True
    return {
        "curve": curve,
        "random_curve": curve + 0.05,
        "aopc_by_step": 0.9 - curve,
        "random_aopc_by_step": 0.85 - curve,
        "gallery/pixels": (maps * 255).to(torch.uint8),
        "gallery/maps": maps - 0.2,
        "gallery/masks": masks,
        "gallery/predicted": torch.tensor([0, 1, 1, 2]),
        "gallery/targets": torch.tensor([0, 1, 0, 2]),
    }


def _epoch_metrics(number: int, epoch: int) -> dict[str, float]:
    nll = 1.1 - 0.1 * epoch + 0.01 * number
    return {"train/loss": 2 / epoch, "val/nll": nll, "val/accuracy": epoch / 10, "val/ece": 0.1 + number / 100}


def _predictions(number: int, place: int, split: str) -> Predictions:
    random = torch.Generator().manual_seed(100 * number + place)
    targets = torch.arange(IMAGES) % len(CLASSES)
    logits = torch.randn(1, IMAGES, len(CLASSES), generator=random)
    logits[0, torch.arange(IMAGES), targets] += 2 - number / 2
    ids = tuple(f"{split}/{n}" for n in range(IMAGES))
    return Predictions(logits=logits, targets=targets, image_ids=ids, split=split)
