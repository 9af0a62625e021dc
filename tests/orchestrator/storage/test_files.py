import json
import os
from pathlib import Path

import pytest

from orchestrator.storage.files import replace, write_once


def test_write_once_keeps_the_first_content(tmp_path: Path) -> None:
    assert write_once(tmp_path / "a", "first")
    assert not write_once(tmp_path / "a", "second")
    assert (tmp_path / "a").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_link_that_was_made_and_whose_answer_was_lost_is_this_writer_s_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NFS does it: the request is sent again, and the answer is that there is a file."""
    link = os.link

    def link_twice(source: Path, target: Path) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", link_twice)
    assert write_once(tmp_path / "a", "first")
    assert not write_once(tmp_path / "a", "second")
    assert (tmp_path / "a").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_replace_leaves_no_draft(tmp_path: Path) -> None:
    replace(tmp_path / "row.json", json.dumps([1]))
    replace(tmp_path / "row.json", json.dumps([2]))
    assert json.loads((tmp_path / "row.json").read_text()) == [2]
    assert [path.name for path in tmp_path.iterdir()] == ["row.json"]
