import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.errors import StorageError
from orchestrator.storage.files import replace, write_once
from orchestrator.storage.store import MANIFEST, MissingArtifact, Store

KEY = "network-0123456789abcdef"


def commit(store: Store, key: str = KEY, text: str = "weights") -> bool:
    attempt = store.begin(key)
    (attempt.folder / "weights.bin").write_text(text)
    return attempt.commit({"note": text})


def test_what_is_committed_is_found_with_its_files_and_meta(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert not store.exists(KEY)
    assert commit(store)
    assert store.exists(KEY)
    assert (store.folder(KEY) / "weights.bin").read_text() == "weights"
    assert store.manifest(KEY).meta == {"note": "weights"}
    assert store.keys("network") == [KEY]
    assert store.damaged(KEY) == []


def test_an_attempt_without_a_commit_is_no_artifact(tmp_path: Path) -> None:
    store = Store(tmp_path)
    attempt = store.begin(KEY)
    (attempt.folder / "weights.bin").write_text("half")
    assert not store.exists(KEY)
    with pytest.raises(MissingArtifact, match=KEY):
        store.manifest(KEY)


def test_the_second_of_two_writers_neither_commits_nor_disturbs_the_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    late = store.begin(KEY)
    (late.folder / "weights.bin").write_text("late")
    assert commit(store, text="first")
    assert not late.commit({"note": "late"})
    assert store.manifest(KEY).meta == {"note": "first"}
    assert (store.folder(KEY) / "weights.bin").read_text() == "first"
    assert not (late.folder / "weights.bin").exists()


def test_of_many_writers_at_once_exactly_one_commits(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        committed = list(pool.map(lambda n: commit(store, text=f"writer {n}"), range(16)))
    assert sum(committed) == 1
    winner = committed.index(True)
    assert store.manifest(KEY).meta == {"note": f"writer {winner}"}
    assert len(list(store.attempts(KEY))) == 16


def test_a_file_that_was_cut_short_makes_the_artifact_missing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    commit(store)
    (store.folder(KEY) / "weights.bin").write_text("wei")
    assert not store.exists(KEY)


def test_a_changed_byte_is_found_by_its_hash(tmp_path: Path) -> None:
    store = Store(tmp_path)
    commit(store)
    (store.folder(KEY) / "weights.bin").write_text("WEIGHTS")
    assert store.exists(KEY)
    assert store.damaged(KEY) == ["weights.bin"]


def test_thinned_files_may_be_gone_and_the_artifact_stays(tmp_path: Path) -> None:
    store = Store(tmp_path)
    commit(store)
    store.thin(KEY, ("weights.bin",))
    assert not (store.folder(KEY) / "weights.bin").exists()
    assert store.exists(KEY)


def test_steps_of_a_chain_come_in_order_and_only_committed_ones(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for epoch in (2, 1, 10):
        commit(store, f"fit-abc/epoch-{epoch:04d}")
    store.begin("fit-abc/epoch-0011")
    assert store.steps("fit-abc") == ["fit-abc/epoch-0001", "fit-abc/epoch-0002", "fit-abc/epoch-0010"]


def test_an_unreadable_manifest_is_told_with_the_way_out(tmp_path: Path) -> None:
    store = Store(tmp_path)
    commit(store)
    (store.folder(KEY).parent / MANIFEST).write_text("{")
    with pytest.raises(StorageError, match="Delete that file"):
        store.manifest(KEY)


def test_a_key_cannot_leave_the_store(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="would leave the store"):
        Store(tmp_path).exists("network-../../etc")


def test_deleting_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    commit(store)
    assert store.size(KEY) > 0
    store.delete(KEY)
    assert not store.exists(KEY)
    assert store.size(KEY) == 0


def test_write_once_keeps_the_first_content(tmp_path: Path) -> None:
    assert write_once(tmp_path / "a", "first")
    assert not write_once(tmp_path / "a", "second")
    assert (tmp_path / "a").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_replace_leaves_no_draft(tmp_path: Path) -> None:
    replace(tmp_path / "row.json", json.dumps([1]))
    replace(tmp_path / "row.json", json.dumps([2]))
    assert json.loads((tmp_path / "row.json").read_text()) == [2]
    assert [path.name for path in tmp_path.iterdir()] == ["row.json"]


def test_a_commit_frees_the_disk_of_what_killed_writers_have_left(tmp_path: Path) -> None:
    store = Store(tmp_path)
    killed = store.begin("temperature-0001")
    (killed.folder / "tensors.safetensors").write_text("half")
    attempt = store.begin("temperature-0001")
    (attempt.folder / "tensors.safetensors").write_text("whole")
    assert attempt.commit({})
    assert [path.name for path in killed.folder.iterdir()] == ["started.json"]
    assert (store.folder("temperature-0001") / "tensors.safetensors").read_text() == "whole"
    (killed.folder / "tensors.safetensors").write_text("it was alive, and goes on")
    assert not killed.commit({})
    assert len(list(store.attempts("temperature-0001"))) == 2


def test_an_artifact_whose_files_were_lost_can_be_made_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = store.begin("network-0001")
    (first.folder / "weights").write_text("weights")
    assert first.commit({})
    (first.folder / "weights").write_text("")  # cut short by a loss of power
    assert not store.exists("network-0001")
    again = store.begin("network-0001")
    (again.folder / "weights").write_text("weights")
    assert again.commit({})
    assert store.exists("network-0001")
