"""A ledger and a store as a driver leaves them, written by hand: no training, no Ray."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from orchestrator.computation import predictions_file
from orchestrator.storage.ledger import Ledger, Report, Row, TrialState
from orchestrator.storage.store import Store
from orchestrator.trial import step_name
from trainables.predictions import Predictions
from trainables.spec import (
    Aopc,
    Ensemble,
    Evaluation,
    NetworkTask,
    Schedule,
    SmallCNN,
    Synthetic,
    Temperature,
    TrialSpec,
    fit_key,
    network_key,
    posthoc_key,
    to_plain,
)

TASKS: tuple[NetworkTask, ...] = (Evaluation(), Temperature(), Aopc())
ENSEMBLE = Ensemble(members="top", size=2)
CLASSES = ("normal", "opacity")
DATA = "data-0123456789abcdef"


class SmallSweep:
    """Writes what a driver and its workers would."""

    def __init__(self, storage: Path, name: str = "demo") -> None:
        self.store = Store(storage)
        self.ledger = Ledger(storage, name)
        self.clock = 1_700_000_000.0

    def define(self, **changes: Any) -> None:
        definition = {
            "name": self.ledger.name,
            "space": "demo",
            "objectives": [{"metric": "val/nll", "mode": "min"}],
            "searcher": "tpe",
            "scheduler": None,
            "seed": 0,
            "trials": 2,
            "member_seeds": 0,
            "posthoc": [to_plain(task) for task in (*TASKS, ENSEMBLE)],
            "overrides": {},
            "data": "",
            "fingerprints": [],
            "created": 1_700_000_000.5,
            "versions": {"torch": "2"},
            "commit": "abc",
        }
        self.ledger.write_definition({**definition, **changes})
        if not self.store.exists(DATA):
            attempt = self.store.begin(DATA)
            table = {"ids": ["patient-7"], "classes": CLASSES, "counts": {"splits": {"train": {"normal": 3}}}}
            (attempt.folder / "table.json").write_text(json.dumps(table))
            attempt.commit({"kind": "synthetic"})

    def draw(self, number: int, *, seed: int | None = None) -> Row:
        spec = TrialSpec(data=Synthetic(), model=SmallCNN(), schedule=Schedule(epochs=3), seed=seed or number)
        row = Row(
            kind="trial",
            number=number,
            spec=to_plain(spec),
            key=network_key(spec, [DATA]),
            fit_key=fit_key(spec, [DATA]),
            data_key=DATA,
            params={"loss": "cross_entropy"},
            started=self._tick(),
        )
        self.ledger.write_row(row)
        return row

    def train(self, row: Row, epochs: int) -> Row:
        for epoch in range(len(row.reports) + 1, len(row.reports) + epochs + 1):
            metrics = {"val/nll": 1 / (epoch + row.number + 1), "val/accuracy": epoch / 10, "train/loss": 1 / epoch}
            report = Report(
                epoch=epoch,
                metrics=metrics,
                best_epoch=epoch,
                finished=False,
                seconds={"train": 0.5},
                time=self._tick(),
            )
            attempt = self.store.begin(f"{row.fit_key}/{step_name(epoch)}")
            attempt.commit({"report": asdict(report)})
            row.reports.append(report)
            self.ledger.write_row(row)
        return row

    def end(self, row: Row, state: TrialState = "completed", reason: str = "") -> Row:
        if state == "completed" and not self.store.exists(row.key):
            attempt = self.store.begin(row.key)
            predictions(row.number).save(attempt.folder / predictions_file("test"))
            attempt.commit({"spec": row.spec, "classes": CLASSES, "device": "cpu", "versions": {"torch": "2"}})
        ended = replace(row, state=state, reason=reason, ended=self._tick())
        self.ledger.write_row(ended)
        return ended

    def compute(self, row: Row, task: NetworkTask) -> str:
        return self._commit(task, [row.key], aopc_tensors() if task.kind == "aopc" else {})

    def pool(self, *rows: Row, record: bool = True) -> str:
        members = [row.key for row in rows]
        key = posthoc_key(ENSEMBLE, members)
        if record:
            plain = {"task": to_plain(ENSEMBLE), "name": ENSEMBLE.name, "members": members, "superseded": False}
            self.ledger.write_ensemble(key, plain)
        return self._commit(ENSEMBLE, members, {})

    def complete(self) -> list[Row]:
        """Two trials, every result, the ensemble."""
        self.define()
        rows = [self.end(self.train(self.draw(number), 3)) for number in range(2)]
        for row in rows:
            for task in TASKS:
                self.compute(row, task)
        self.pool(*rows)
        self.ledger.write_outcome("finished")
        return rows

    def _commit(self, task: Any, members: list[str], tensors: dict[str, torch.Tensor]) -> str:
        key = posthoc_key(task, members)
        attempt = self.store.begin(key)
        prefixes = {"evaluation": [], "aopc": [], "temperature": [""], "ensemble": ["", "temperature/"]}[task.kind]
        for prefix in prefixes:
            predictions(7).save(attempt.folder / predictions_file(f"{prefix}test"))
        if tensors:
            save_file(tensors, attempt.folder / "tensors.safetensors")
        metrics = {"test/accuracy": 0.75, "test/auroc": None, "val/accuracy": 0.5}
        meta = {"task": {"kind": task.kind, "name": task.name}, "members": members, "metrics": metrics}
        attempt.commit({**meta, "seconds": {"total": 0.1}, "remarks": [f"{task.kind} remark"]})
        return key

    def _tick(self) -> float:
        self.clock += 1.0
        return self.clock


def predictions(seed: int, images: int = 40) -> Predictions:
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, images, len(CLASSES), generator=random) * 2
    targets = torch.randint(len(CLASSES), (images,), generator=random)
    return Predictions(logits=logits, targets=targets, image_ids=tuple(map(str, range(images))), split="test")


def aopc_tensors() -> dict[str, torch.Tensor]:
    curve = torch.linspace(0.9, 0.3, 10)
    maps = torch.rand(3, 32, 32)
    return {
        "curve": curve,
        "random_curve": curve + 0.05,
        "aopc_by_step": 0.9 - curve,
        "random_aopc_by_step": 0.85 - curve,
        "gallery/pixels": (maps * 255).to(torch.uint8),
        "gallery/maps": maps,
        "gallery/masks": maps > 0.8,
        "gallery/predicted": torch.tensor([0, 1, 1]),
        "gallery/targets": torch.tensor([0, 1, 0]),
    }
