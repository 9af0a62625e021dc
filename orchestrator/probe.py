"""What a network of some kind costs on this machine: two short epochs on drawn images of the data's size, in a process of its own.

`python -m orchestrator.probe` reads the trial's description as JSON from stdin and prints the `Cost` as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from orchestrator.errors import MachineError
from orchestrator.memory import GIGABYTE
from trainables.spec import TrialSpec, canonical_json, from_plain, to_plain

BATCHES = 2
ROOM = 1.2
"""A share of a GPU leaves a fifth more than was measured: fragments, and losses that need more in later epochs."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What was measured.

    Attributes:
        train_seconds, evaluate_seconds: of an image, in training and in evaluation.
        memory_bytes: peak on the GPU, or of what the process grew by in main memory.
        gpu_bytes: memory of the GPU, 0 without one.
        main_bytes: of main memory, what the process grew by.
        weights_bytes, state_bytes: of the files of the weights, and of a whole checkpoint.
    """

    train_seconds: float
    evaluate_seconds: float
    memory_bytes: int
    gpu_bytes: int
    weights_bytes: int
    state_bytes: int
    main_bytes: int = 0

    @property
    def gpu_share(self) -> float:
        """The share of a GPU with which whole trials fill it: 1, 1/2, 1/3 and so on; 0 without a GPU."""
        if not self.gpu_bytes:
            return 0.0
        return 1 / max(1, int(self.gpu_bytes / (ROOM * max(1, self.memory_bytes))))


def measured(spec: TrialSpec, size: int, *, multilabel: bool) -> Cost:
    """Measure a trial on images of that side, in a new process.

    Raises:
        MachineError: it cannot run here; the message says why.
    """
    order = json.dumps({"spec": to_plain(spec), "size": size, "multilabel": multilabel})
    done = subprocess.run([sys.executable, "-m", __name__], input=order, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["it was killed"])[-1]
        raise MachineError(f"A short probe of {canonical_json(spec.model)} at {size} px does not run here: {why}")
    return Cost(**json.loads(done.stdout.strip().splitlines()[-1]))


def probe(spec: TrialSpec, size: int, folder: Path, *, multilabel: bool) -> Cost:
    """Two epochs of two batches each in this process; the second one is timed."""
    import torch

    from orchestrator.chain import weights_folder
    from orchestrator.data import open_data
    from orchestrator.storage.store import Store
    from orchestrator.sweep.preparation import Preparation
    from trainables.data.prepare import DataSource
    from trainables.fit import Training
    from trainables.spec import Split, Synthetic
    from trainables.spec.files import WEIGHTS

    images = Synthetic(
        images=2 * BATCHES * spec.schedule.batch_size, size=size, images_per_patient=1, multilabel=multilabel
    )
    small = replace(spec, data=images, split=Split(val=0.25, calib=0.125, test=0.125), lungs=None, first_stage=None)
    preparation = Preparation(Store(folder), DataSource())
    data = open_data(Store(folder), preparation.data(small.data, small.split))
    before = _peak_bytes()
    training = Training(small, data, weights_folder=weights_folder(), cache_features=False)
    training.run_epoch()
    second = training.run_epoch().seconds
    on_gpu = torch.cuda.is_available()
    grown = _peak_bytes() - before
    state = folder / "state"
    state.mkdir()
    training.state().save(state)
    return Cost(
        train_seconds=second["train"] / len(training.train),
        evaluate_seconds=second["evaluate"] / (len(training.val) + len(training.calib)),
        memory_bytes=torch.cuda.max_memory_allocated() if on_gpu else grown,
        gpu_bytes=torch.cuda.get_device_properties(0).total_memory if on_gpu else 0,
        main_bytes=grown,
        weights_bytes=(state / WEIGHTS).stat().st_size,
        state_bytes=sum(path.stat().st_size for path in state.iterdir()),
    )


def _peak_bytes() -> int:
    """The most main memory that this process has held. What getrusage says includes the process that started it, on Linux."""
    try:
        status = Path("/proc/self/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Measure what stdin asks for."""
    order = json.loads(sys.stdin.read())
    with tempfile.TemporaryDirectory(prefix="orchestrator-probe-") as folder:
        found = probe(from_plain(TrialSpec, order["spec"]), order["size"], Path(folder), multilabel=order["multilabel"])
    print(json.dumps(asdict(found)))


def gigabytes(count: float) -> str:
    """Bytes for people."""
    return f"{count / GIGABYTE:.2f} GB"


if __name__ == "__main__":
    main()
