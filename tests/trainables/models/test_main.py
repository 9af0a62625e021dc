from __future__ import annotations

from pathlib import Path

from trainables.models.__main__ import networks, table

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "networks-and-training.md"


def test_the_table_in_the_documentation_is_the_one_that_the_command_prints() -> None:
    lines = table()
    assert len(lines) == 2 + len(list(networks()))
    assert "\n".join(lines) in DOCUMENT.read_text(encoding="utf-8")
