"""What processes do to a bucket at once, what is in it, and what is never done with it."""

import io
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import StorageError
from orchestrator.storage import objects as objects_module
from orchestrator.storage.address import Storage, bucket_address
from orchestrator.storage.objects import Objects
from orchestrator.storage.place import Place
from orchestrator.storage.places import place_of
from orchestrator.storage.store import MissingArtifact, Store

WRITE = """
import sys
from orchestrator.storage.store import Store
attempt = Store(sys.argv[1]).begin("network-1")
(attempt.folder / "weights").write_text(sys.argv[2] * 1000)
print("ready", flush=True)
sys.stdin.readline()
print(attempt.commit({"writer": sys.argv[2]}), flush=True)
"""


def test_of_several_processes_exactly_one_commits(storage: Storage) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, str(storage), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    committed = [writer.communicate()[0].strip() for writer in writers]
    assert sorted(committed) == ["False", "False", "True"]
    store = Store(storage)
    assert store.manifest("network-1").meta == {"writer": str(committed.index("True"))}
    assert store.damaged("network-1") == []
    assert store.file("network-1", "weights").read_text() == str(committed.index("True")) * 1000


def test_a_writer_that_dies_before_the_manifest_has_committed_nothing(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(storage)
    attempt = store.begin("network-1")
    (attempt.folder / "weights").write_text("weights")

    def die(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(place_of(storage)), "create", die)
        with pytest.raises(KeyboardInterrupt):
            attempt.commit({})
    assert not Store(storage).exists("network-1")


def test_a_large_file_travels_in_parts(bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(objects_module, "IN_PARTS", 1000)
    attempt = Store(bucket).begin("images-1")
    content = bytes(range(256)) * 40_000
    (attempt.folder / "images.npy").write_bytes(content)
    assert attempt.commit({})
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "elsewhere"))
    other = Store(bucket)
    assert other.file("images-1", "images.npy").read_bytes() == content
    assert other.damaged("images-1") == []


def test_a_connection_that_is_cut_is_made_again(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = Store(bucket).begin("images-1")
    (attempt.folder / "images.npy").write_bytes(b"images")
    attempt.commit({})
    whole, cut = Objects.blocks, iter([True, True, False])

    def blocks(self: Objects, name: str) -> Iterator[bytes]:
        if next(cut):
            yield b"ima"
            raise StorageError("cut")
        yield from whole(self, name)

    monkeypatch.setattr(Objects, "blocks", blocks)
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "elsewhere"))
    assert Store(bucket).file("images-1", "images.npy").read_bytes() == b"images"


def test_only_the_file_that_is_asked_for_is_copied(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = Store(bucket).begin("network-1")
    for name in ("weights", "features"):
        (attempt.folder / name).write_text(name)
    attempt.commit({})
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "elsewhere"))
    store = Store(bucket)
    assert [path.name for path in store.file("network-1", "weights").parent.iterdir()] == ["weights"]
    assert {path.name for path in store.folder("network-1").iterdir()} == {"weights", "features"}


def test_two_storages_in_one_bucket_do_not_see_each_other(bucket: str) -> None:
    attempt = Store(bucket).begin("network-1")
    attempt.commit({})
    neighbour = f"{bucket}-too"
    assert Store(neighbour).keys("network") == []
    with pytest.raises(MissingArtifact):
        Store(neighbour).manifest("network-1")
    assert Store(neighbour).local != Store(bucket).local
    names = [each.name for each in Objects(bucket_address(bucket)).listed("")]
    assert [name.rsplit("/", 1)[-1] for name in names] == ["started.json", "manifest.json"]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "a//x", "a/./x", "", "a\\..\\x", "a\nx"])
def test_no_name_leaves_a_storage(place: Place, name: str) -> None:
    for call in (place.path, place.read, place.has, place.remove, place.remove_all, place.find, place.bytes):
        with pytest.raises(ValueError, match="would leave the store"):
            call(name)
    with pytest.raises(ValueError, match="would leave the store"):
        place.write(name, "text")


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (str(self.path), "w"))


def test_a_planted_pickle_is_refused_and_not_run(storage: Storage, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from orchestrator.lungs import lung_weights
    from orchestrator.network import StoredNetwork
    from trainables.checkpoint import TrainingState

    sprung = tmp_path / "sprung"
    saved = io.BytesIO()
    torch.save({"head.weight": Trap(sprung)}, saved)
    names = ("weights.safetensors", "optimizer.safetensors", "predictions-val.safetensors", "features-val.safetensors")
    for content in (pickle.dumps(Trap(sprung)), saved.getvalue()):
        store, key = Store(storage), f"network-{len(content)}"
        attempt = store.begin(key)
        for name in names:
            (attempt.folder / name).write_bytes(content)
        attempt.commit({"spec": {}, "data": "data-1"})
        network = StoredNetwork(store, key)
        readers = (
            network.head,
            lambda network=network: network.predictions("val"),
            lambda network=network: network.features("val"),
            lambda key=key: lung_weights(Store(storage), key),
            lambda key=key: TrainingState.load(Store(storage).folder(key)),
        )
        for read in readers:
            with pytest.raises(Exception, match=r"(?i)header|safetensor|not"):
                read()
    assert not sprung.exists()
    pickle.loads(pickle.dumps(Trap(sprung))).close()
    assert sprung.exists(), "the trap works"
