import errno
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from orchestrator.doctor import Checked, examine
from orchestrator.doctor.machine import check_devices, check_memory, check_shared_memory
from orchestrator.doctor.packages import check_packages, check_python, requirements
from orchestrator.doctor.storage import check_clock, check_disk, check_storage
from orchestrator.doctor.surroundings import check_sweeps, check_tracking, check_weights
from orchestrator.storage.ledger import Ledger
from orchestrator.tracking.mirror import mark_pending
from tests.orchestrator.tracking.servers import free_port


def message(checked: Checked, kind: str) -> str:
    """The message of the only finding, which has the kind and a way out."""
    (finding,) = checked.findings
    assert finding.kind == kind
    assert finding.remedy
    return finding.message


def test_a_sound_machine_has_no_findings_of_storage_and_leaves_nothing_behind(tmp_path: Path) -> None:
    storage = tmp_path / "not" / "there"
    node = examine(storage, {})
    assert not {finding.kind for finding in node.findings} & {"storage", "tracking", "python", "package", "clock"}
    assert node.facts["storage_seconds"] > 0
    assert node.facts["cpus"] >= 1
    assert list(tmp_path.iterdir()) == []


def test_a_storage_below_a_regular_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "Not a directory" in message(check_storage(tmp_path / "file" / "runs"), "storage")


def test_a_storage_that_is_no_folder_is_found() -> None:
    assert "a folder that every node mounts, or an S3 bucket" in message(
        check_storage(Path("gs://bucket/runs")), "storage"
    )


@pytest.mark.parametrize(
    ("name", "told"), [("link", "no hard link"), ("fsync", "cannot be written"), ("flock", "no lock")]
)
def test_a_file_system_that_lacks_what_the_store_needs_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr("fcntl.flock" if name == "flock" else f"os.{name}", refuse)
    assert told in message(check_storage(tmp_path), "storage")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2_000_000_000))
    assert "2.0 GB left" in message(check_disk(tmp_path), "disk")


@pytest.mark.parametrize(("shift", "told"), [(500, "behind"), (-500, "ahead")])
def test_a_clock_that_differs_from_the_storage_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: float, told: str
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - shift)
    assert told in message(check_clock(tmp_path), "clock")


def test_a_clock_behind_the_last_sweep_is_found(tmp_path: Path) -> None:
    Ledger(tmp_path, "later").write_definition({"trials": 1})
    ahead = time.time() + 5000
    os.utime(tmp_path / "sweeps" / "later" / "sweep.json", (ahead, ahead))
    assert "behind that of the sweeps" in message(check_clock(tmp_path), "clock")


def test_an_old_python_is_found() -> None:
    assert "Python 3.9" in message(check_python((3, 9, 2)), "python")


def test_absent_and_old_packages_are_found_by_their_metadata() -> None:
    checked = check_packages(["no-such-package>=1", "numpy<1", "click>=8", "absent; python_version < '3'"])
    told = [finding.message for finding in checked.findings]
    assert [text.split()[0] for text in told] == ["The", "numpy"]
    assert "no-such-package is not installed" in told[0]
    assert "needs <1" in told[1]
    assert set(checked.facts["packages"]) == {"numpy", "click"}


def test_the_requirements_are_those_of_the_project() -> None:
    assert {"torch", "ray[default,train,tune]", "mlflow"} <= {text.split(">")[0] for text in requirements()}


def test_little_memory_is_found_in_the_machine_and_in_its_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roomy = SimpleNamespace(available=8_000_000_000, total=16_000_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: roomy)
    assert check_memory(tmp_path).findings == ()
    (tmp_path / "memory.max").write_text("3000000000\n")
    (tmp_path / "memory.current").write_text("1500000000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 500000000\n")
    assert "2.0 GB of memory are free" in message(check_memory(tmp_path), "memory")
    roomy.available = 1_000_000_000
    assert "1.0 GB of memory are free" in message(check_memory(tmp_path), "memory")


def test_tiny_shared_memory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=64_000_000))
    assert "0.1 GB left" in message(check_shared_memory(tmp_path), "shared_memory")
    assert check_shared_memory(tmp_path / "absent").notes


def test_a_gpu_that_torch_cannot_use_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr("orchestrator.doctor.machine._has_nvidia", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "cannot use it" in message(check_devices(), "device")


@pytest.mark.parametrize("broken", [False, True])
def test_a_gpu_is_really_computed_on(monkeypatch: pytest.MonkeyPatch, broken: bool) -> None:
    import torch

    def product(*shape: int, device: str) -> torch.Tensor:
        if broken:
            raise RuntimeError(f"CUDA error: out of memory on {device}\nmore")
        return torch.full(shape, 1.0)

    cuda = SimpleNamespace(
        is_available=lambda: True,
        device_count=lambda: 1,
        get_device_name=lambda _: "H200",
        mem_get_info=lambda _: (1, 2),
    )
    monkeypatch.setattr("orchestrator.doctor.machine._has_nvidia", lambda: True)
    monkeypatch.setattr(torch, "cuda", cuda)
    monkeypatch.setattr(torch, "ones", product)
    checked = check_devices()
    assert checked.facts["gpus"] == [{"device": "cuda:0", "name": "H200", "memory_bytes": 2, "memory_free_bytes": 1}]
    if broken:
        assert "cuda:0 (H200) does not compute: CUDA error" in message(checked, "device")
    else:
        assert checked.findings == ()


def test_a_tracking_server_that_is_away_is_found(tmp_path: Path) -> None:
    uri = f"http://someone:secret@127.0.0.1:{free_port()}"
    checked = check_tracking(tmp_path, {"MLFLOW_TRACKING_URI": uri})
    assert "nothing answers" in message(checked, "tracking")
    assert "secret" not in str(checked)


def test_a_tracking_database_that_is_none_is_found(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database, and long enough to show it " * 9)
    assert "cannot be used" in message(check_tracking(tmp_path, {}), "tracking")


def test_a_missing_weights_folder_is_found(tmp_path: Path) -> None:
    assert "does not exist" in message(check_weights({"ORCHESTRATOR_WEIGHTS": str(tmp_path / "absent")}), "weights")
    assert check_weights({"ORCHESTRATOR_WEIGHTS": str(tmp_path)}).facts["weight_files"] == 0


def test_unfinished_sweeps_are_notes_and_damaged_ones_findings(tmp_path: Path) -> None:
    for name in ("left", "broken"):
        Ledger(tmp_path, name).write_definition({"trials": 4})
    mark_pending(Ledger(tmp_path, "left"), "It was away.")
    assert any("left is interrupted: 0 of 4 trials" in note for note in check_sweeps(tmp_path).notes)
    assert any("It was away" in note for note in check_sweeps(tmp_path).notes)
    (tmp_path / "sweeps" / "broken" / "sweep.json").write_text("{")
    assert "cannot be read" in message(check_sweeps(tmp_path), "ledger")


def test_a_check_that_breaks_is_a_finding_and_the_others_speak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks() -> Checked:
        raise RuntimeError("odd machine")

    monkeypatch.setattr("orchestrator.doctor.check_memory", breaks)
    node = examine(tmp_path, {})
    assert "odd machine" in next(finding.message for finding in node.findings if finding.kind == "memory")
    assert "cpus" in node.facts
    json.dumps(node.to_plain())
