"""Trials that run out of memory, of the machine or of a GPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.tracking.network_run import NetworkFacts, network_run
from orchestrator.trial import TrialRun
from tests.orchestrator.executors.scripted import jobs_of, small
from tests.orchestrator.sweep.tiny import start
from trainables.fit import Training

REAL = """
import sys
from dataclasses import replace
from pathlib import Path
from orchestrator.memory import limit_memory
from orchestrator.trial import TrialRun
from tests.orchestrator.executors.scripted import jobs_of, small
from trainables.spec import Schedule, SmallCNN

spec = replace(small(), model=SmallCNN(widths=(256,)), schedule=Schedule(epochs=1, batch_size=48))
run = TrialRun(jobs_of(Path(sys.argv[1]), [spec])[0])
run._continued()
used = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData"))
limit_memory(used / 1e6 + 0.19)
report = run.step()
print(report.micro_batches, report.finished)
"""


def fail_with(monkeypatch: pytest.MonkeyPatch, failure: Exception, until: int) -> list[int]:
    """Have every epoch fail whose batches come in fewer parts; return the parts that were tried."""
    tried: list[int] = []
    learn = Training._learn

    def planted(training: Training) -> dict[str, float]:
        tried.append(training.micro_batches)
        if training.micro_batches < until:
            raise failure
        return learn(training)

    monkeypatch.setattr(Training, "_learn", planted)
    return tried


@pytest.mark.parametrize(
    "failure", [MemoryError(), torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")]
)
def test_a_trial_that_runs_out_of_memory_tries_smaller_parts_of_batches_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failure: Exception
) -> None:
    tried = fail_with(monkeypatch, failure, until=4)
    assert start(tmp_path, trials=1, member_seeds=0, posthoc=()).finished
    assert tried == [1, 2, 4, 4, 4]
    row = Ledger(tmp_path, "tiny").rows()[0]
    assert [report.micro_batches for report in row.reports] == [4, 4, 4]
    run = network_run(Store(tmp_path), "tiny", NetworkFacts(rows=[row]))
    assert run.tags["orchestrator.micro_batches"] == "4"


def test_one_that_never_fits_fails_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fail_with(monkeypatch, MemoryError("no room"), until=99)
    ended = start(tmp_path, trials=2, member_seeds=0, posthoc=())
    assert ended.finished
    assert list(ended.failed_trials) == ["trial-0000", "trial-0001"]
    assert "MemoryError: no room" in Ledger(tmp_path, "tiny").rows()[0].reason


def test_parts_of_a_batch_add_up_to_its_gradient(tmp_path: Path) -> None:
    """Cross entropy without batch norm or dropout: to rounding the same weights."""
    from orchestrator.data import open_data
    from trainables.fit import _in_parts

    rows = torch.arange(13)
    cut = list(_in_parts([(rows, 0.5)], 4))
    assert torch.equal(torch.cat([part for part, _ in cut]), rows)
    assert sum(share for _, share in cut) == pytest.approx(0.5)
    job = jobs_of(tmp_path, [small()])[0]
    data = open_data(Store(tmp_path), job.data_key)
    whole, parts = (Training(small(), data) for _ in "ab")
    for training in (whole, parts):
        training.classifier.eval()  # neither dropout nor batch norm that looks at the batch
        training.classifier.zero_grad()
    images, targets = torch.rand(12, 1, 32, 32), torch.arange(12) % len(data.classes)
    torch.nn.functional.cross_entropy(whole.classifier(images), targets).backward()  # type: ignore[no-untyped-call]
    for part, share in _in_parts([(torch.arange(12), 1.0)], 3):
        loss = torch.nn.functional.cross_entropy(parts.classifier(images[part]), targets[part])
        (loss * share).backward()  # type: ignore[no-untyped-call]
    for one, other in zip(whole.classifier.parameters(), parts.classifier.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads its own size from /proc")
def test_a_worker_with_too_little_memory_really_gets_along_with_parts(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", REAL, str(tmp_path)], capture_output=True, text=True, cwd=Path(__file__).parents[3]
    )
    assert done.returncode == 0, done.stderr
    parts, finished = done.stdout.split()
    assert int(parts) > 1
    assert finished == "True"


def test_nothing_else_is_taken_for_a_lack_of_memory(tmp_path: Path) -> None:
    from orchestrator.memory import is_out_of_memory

    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"))
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("out of memory"))
    assert TrialRun(jobs_of(tmp_path, [small()])[0]).step().micro_batches == 1
