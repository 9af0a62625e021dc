import os
import shutil
import time

import pytest

from trainables.data import fingerprint
from trainables.data.fingerprint import fingerprint_folder, load_cache, save_cache


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "data"
    (root / "a").mkdir(parents=True)
    for n in range(5):
        (root / "a" / f"{n}.png").write_bytes(bytes([n]) * 100)
        os.utime(root / "a" / f"{n}.png", (1_000_000 + n, 1_000_000 + n))
    return root


FILES = [f"a/{n}.png" for n in range(5)]


def test_neither_place_nor_order_nor_time_changes_the_fingerprint(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "elsewhere", copy_function=shutil.copy)
    assert fingerprint_folder(folder, FILES) == fingerprint_folder(tmp_path / "elsewhere", FILES[::-1])


def test_a_content_a_name_and_a_file_more_change_the_fingerprint(folder):
    prints = {fingerprint_folder(folder, FILES), fingerprint_folder(folder, FILES[:4])}
    (folder / "a/4.png").rename(folder / "a/5.png")
    prints.add(fingerprint_folder(folder, [*FILES[:4], "a/5.png"]))
    (folder / "a/5.png").write_bytes(b"other")
    prints.add(fingerprint_folder(folder, [*FILES[:4], "a/5.png"]))
    assert len(prints) == 4


def test_remembered_contents_are_not_read_again(folder, monkeypatch):
    cache = {}
    first = fingerprint_folder(folder, FILES, cache)
    assert len(cache) == 5
    monkeypatch.setattr(fingerprint.hashlib, "file_digest", None)  # reading would raise
    assert fingerprint_folder(folder, FILES, cache) == first


def test_a_changed_file_is_read_again(folder):
    cache = {}
    first = fingerprint_folder(folder, FILES, cache)
    (folder / "a/0.png").write_bytes(b"x" * 100)
    assert fingerprint_folder(folder, FILES, cache) != first


def test_a_file_changed_a_moment_ago_is_not_remembered(folder):
    cache = {}
    os.utime(folder / "a/0.png", (time.time(), time.time()))
    fingerprint_folder(folder, FILES, cache)
    assert len(cache) == 4


def test_the_memory_survives_on_disk_and_a_damaged_one_is_empty(folder, tmp_path):
    cache = {}
    fingerprint_folder(folder, FILES, cache)
    file = tmp_path / "cache" / "hashes.json"
    save_cache(file, cache)
    assert load_cache(file) == cache
    assert [path.name for path in file.parent.iterdir()] == ["hashes.json"]
    for damaged in (b'{"a": [1, 2', b"[1]", b'{"a": 3}', b'{"a": ["x", 1, "c"]}', b"\xff\xfe"):
        file.write_bytes(damaged)
        assert load_cache(file) == {}
    assert load_cache(tmp_path / "missing.json") == {}


def test_a_file_that_is_gone_counts_as_missing_and_changes_the_name(folder):
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    before = fingerprint_folder(folder, names)
    (folder / names[-1]).unlink()
    without = fingerprint_folder(folder, names)
    assert without != before
    assert without != fingerprint_folder(folder, names[:-1])
