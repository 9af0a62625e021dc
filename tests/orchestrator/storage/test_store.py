"""What a store keeps to, in a folder and in a bucket."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator.errors import StorageError
from orchestrator.storage.address import Storage
from orchestrator.storage.attempt import MANIFEST
from orchestrator.storage.place import Place
from orchestrator.storage.store import MissingArtifact, Store

KEY = "network-0123456789abcdef"
HOME = f"artifacts/network/{KEY}"


def commit(store: Store, key: str = KEY, text: str = "weights") -> bool:
    attempt = store.begin(key)
    (attempt.folder / "weights.bin").write_text(text)
    return attempt.commit({"note": text})


def overwrite(place: Place, store: Store, text: str) -> str:
    """Give the stored file another content, past the store, as a fault would."""
    name = f"{HOME}/{store.manifest(KEY).attempt}/weights.bin"
    place.write(name, text)
    return name


def test_what_is_committed_is_found_with_its_files_and_meta(storage: Storage) -> None:
    store = Store(storage)
    assert not store.exists(KEY)
    assert commit(store)
    assert store.exists(KEY)
    assert (store.folder(KEY) / "weights.bin").read_text() == "weights"
    assert store.file(KEY, "weights.bin").read_text() == "weights"
    assert not store.file(KEY, "absent.bin").exists()
    assert store.manifest(KEY).meta == {"note": "weights"}
    assert store.keys("network") == [KEY]
    assert store.present([KEY, "network-other"]) == {KEY}
    assert store.damaged(KEY) == []


def test_an_attempt_without_a_commit_is_no_artifact(storage: Storage) -> None:
    store = Store(storage)
    attempt = store.begin(KEY)
    (attempt.folder / "weights.bin").write_text("half")
    assert not store.exists(KEY)
    with pytest.raises(MissingArtifact, match=KEY):
        store.manifest(KEY)


def test_the_second_of_two_writers_neither_commits_nor_disturbs_the_first(storage: Storage) -> None:
    store = Store(storage)
    late = store.begin(KEY)
    (late.folder / "weights.bin").write_text("late")
    assert commit(store, text="first")
    assert not late.commit({"note": "late"})
    assert store.manifest(KEY).meta == {"note": "first"}
    assert (store.folder(KEY) / "weights.bin").read_text() == "first"
    assert not (late.folder / "weights.bin").exists()


def test_of_many_writers_at_once_exactly_one_commits(storage: Storage) -> None:
    store = Store(storage)
    with ThreadPoolExecutor(8) as pool:
        committed = list(pool.map(lambda n: commit(store, text=f"writer {n}"), range(16)))
    assert sum(committed) == 1
    winner = committed.index(True)
    assert store.manifest(KEY).meta == {"note": f"writer {winner}"}
    assert store.damaged(KEY) == []
    assert len(list(store.attempts(KEY))) == 16


def test_a_file_that_was_cut_short_makes_the_artifact_missing(storage: Storage, place: Place) -> None:
    store = Store(storage)
    commit(store)
    overwrite(place, store, "wei")
    assert not store.exists(KEY)


def test_a_changed_byte_is_found_by_its_hash(storage: Storage, place: Place) -> None:
    store = Store(storage)
    commit(store)
    overwrite(place, store, "WEIGHTS")
    assert store.exists(KEY)
    assert store.damaged(KEY) == ["weights.bin"]


def test_thinned_files_may_be_gone_and_the_artifact_stays(storage: Storage, place: Place) -> None:
    store = Store(storage)
    commit(store)
    for each in (store, Store(storage)):
        each.thin(KEY, ("weights.bin",))
    assert not place.has(f"{HOME}/{store.manifest(KEY).attempt}/weights.bin")
    assert not (store.folder(KEY) / "weights.bin").exists()
    assert store.exists(KEY)
    assert store.damaged(KEY) == []


def test_steps_of_a_chain_come_in_order_and_only_committed_ones(storage: Storage) -> None:
    store = Store(storage)
    for epoch in (2, 1, 10):
        commit(store, f"fit-abc/epoch-{epoch:04d}")
    store.begin("fit-abc/epoch-0011")
    assert store.steps("fit-abc") == ["fit-abc/epoch-0001", "fit-abc/epoch-0002", "fit-abc/epoch-0010"]


def test_an_unreadable_manifest_is_told_with_the_way_out(storage: Storage, place: Place) -> None:
    commit(Store(storage))
    place.write(f"{HOME}/{MANIFEST}", "{")
    with pytest.raises(StorageError, match="Delete that file"):
        Store(storage).manifest(KEY)


@pytest.mark.parametrize("key", ["network-../../etc", "/etc/passwd", "network-1/../../x", "network-1//x", "a\\b-1"])
def test_a_key_cannot_leave_the_store(storage: Storage, key: str) -> None:
    store = Store(storage)
    for call in (store.exists, store.begin, store.delete, store.folder, store.steps):
        with pytest.raises(ValueError, match="leave the store"):
            call(key)


def test_no_key_names_nothing(storage: Storage) -> None:
    assert not Store(storage).exists("")
    for call in (Store(storage).delete, Store(storage).begin):
        with pytest.raises(ValueError, match="leave the store"):
            call("")


@pytest.mark.parametrize("field", ["attempt", "file"])
def test_a_manifest_that_names_files_outside_its_folder_is_refused(storage: Storage, place: Place, field: str) -> None:
    commit(Store(storage))
    name = f"{HOME}/{MANIFEST}"
    text = place.read(name)
    planted = "attempt-" if field == "attempt" else "weights.bin"
    place.write(name, text.replace(f'"{planted}', f'"../../../../{planted}'))
    with pytest.raises(StorageError, match="would leave the store"):
        Store(storage).folder(KEY)


def test_deleting_leaves_nothing(storage: Storage, place: Place) -> None:
    store = Store(storage)
    commit(store)
    assert store.size(KEY) > 0
    store.delete(KEY)
    assert not store.exists(KEY)
    assert store.size(KEY) == 0
    assert place.find("artifacts/*/*/*") == []
    assert not place.path(HOME).exists()


def test_a_commit_frees_the_disk_of_what_killed_writers_have_left(storage: Storage, place: Place) -> None:
    store = Store(storage)
    killed = store.begin(KEY)
    (killed.folder / "weights.bin").write_text("half")
    assert commit(store, text="whole")
    assert [path.name for path in killed.folder.iterdir() if path.name != "started.json"] == []
    assert store.file(KEY, "weights.bin").read_text() == "whole"
    (killed.folder / "weights.bin").write_text("it was alive, and goes on")
    assert not killed.commit({})
    assert place.find(f"{HOME}/{killed.name}/*") in ([], [f"{HOME}/{killed.name}/started.json"])
    assert len(list(store.attempts(KEY))) == 2


def test_an_artifact_whose_files_were_lost_can_be_made_again(storage: Storage, place: Place) -> None:
    store = Store(storage)
    assert commit(store)
    overwrite(place, store, "")  # cut short by a loss of power
    reader = Store(storage)
    assert not reader.exists(KEY)
    assert commit(Store(storage), text="again")
    assert store.exists(KEY), "a store that knew the first manifest sees the second"
    assert store.manifest(KEY).meta == {"note": "again"}
