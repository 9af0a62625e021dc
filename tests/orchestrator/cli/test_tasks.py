"""Post-hoc tasks that a finished sweep gets later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from tests.orchestrator.cli.program import files, orchestrator, refusal

QUIET = ("--inline", "--quiet")


def rows(storage: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(orchestrator("results", "tiny", "--json", "--storage", storage).out)[
        "rows"
    ]
    return found


def artifacts(storage: Path, kind: str) -> set[str]:
    return set(Store(storage).keys(kind))


@pytest.mark.usefixtures("away")
def test_a_finished_sweep_gets_further_tasks_without_training(copied: Path, tiny: Path) -> None:
    networks, chains = artifacts(copied, "network"), artifacts(copied, "fit")
    said = orchestrator("posthoc", "tiny", "--tasks", "laplace_diag", "--storage", copied, *QUIET)
    assert said.code == 0, said
    assert "14 of 14 results are there" in said.out
    assert (artifacts(copied, "network"), artifacts(copied, "fit")) == (networks, chains)
    assert len(artifacts(copied, "laplace")) == 4
    for row in rows(copied)[:4]:
        assert row["metrics"]["laplace_diag/test/nll"] > 0

    again = orchestrator("sweep", tiny, "--storage", copied, *QUIET)  # the command that began it knows them too
    assert again.code == 0
    assert rows(copied)[0]["metrics"]["laplace_diag/test/nll"] > 0
    assert [task["kind"] for task in Ledger(copied, "tiny").definition()["posthoc"]].count("laplace") == 1


@pytest.mark.usefixtures("away")
def test_a_result_that_was_deleted_is_computed_again_and_no_other(copied: Path) -> None:
    store = Store(copied)
    gone, *kept = sorted(artifacts(copied, "temperature"))
    before = {key: store.manifest(key) for key in kept}
    told = store.manifest(gone).meta["metrics"]
    store.delete(gone)
    assert not store.exists(gone)
    said = orchestrator("posthoc", "tiny", "--storage", copied, *QUIET)
    assert said.code == 0, said
    assert store.manifest(gone).meta["metrics"] == told
    assert {key: store.manifest(key) for key in kept} == before


def test_a_task_that_cannot_be_is_refused_and_nothing_is_changed(finished: Path) -> None:
    before = files(finished)
    assert "Did you mean 'laplace_diag'" in refusal("posthoc", "tiny", "--tasks", "laplace_dig", "--storage", finished)
    assert "other settings" in refusal(
        "posthoc", "tiny", "--tasks", "ensemble:members=top:size=2", "--tasks", "laplace:samples=7,laplace:samples=9",
        "--storage", finished,
    )  # fmt: skip
    assert files(finished) == before
