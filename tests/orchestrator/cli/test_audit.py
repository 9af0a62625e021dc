from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.audit import Audit
from orchestrator.cli.audit import command
from orchestrator.storage.ledger import Ledger


def test_the_reason_for_pending_runs_is_a_sentence_and_the_way_out_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger(tmp_path, "away").write_definition({"name": "away", "created": 0.0})
    found = Audit(missing_runs=("away", "network-1"), tracking_pending="The tracking server is away.")
    monkeypatch.setattr("orchestrator.audit.audit", lambda *_, **__: found)
    result = CliRunner().invoke(command, ["away", "--storage", str(tmp_path)], standalone_mode=False)
    assert result.return_value == 1
    assert result.output.splitlines() == [
        "away: findings",
        "  missing runs: away, network-1",
        "  Missing runs are sent by the sweep's next start.",
        "  tracking pending: The tracking server is away.",
    ]
