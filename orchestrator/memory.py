"""A trial that runs out of memory: how much it may take, how it is told, what is freed before it tries again."""

from __future__ import annotations

import gc
import sys

MOST_MICRO_BATCHES = 8
GIGABYTE = 10**9
MOST_HELD = 64 * 2**20
"""Bytes of a GPU that a worker between two trials may still hold: buffers of libraries, and no network."""
SAID_BY_TORCH = ("can't allocate memory", "out of memory", "not enough memory")


def limit_memory(gigabytes: float) -> None:
    """Let this process have so many gigabytes of its own, so that what asks for more gets a MemoryError and nobody is killed.

    Without it the machine's memory runs out, and Ray or the kernel kill a worker of their choice.

    Args:
        gigabytes: of data; 0 for as many as there are.
    """
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = round(gigabytes * GIGABYTE) if gigabytes else hard
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard < 0 else min(wanted, hard), hard))


def is_out_of_memory(failure: BaseException) -> bool:
    """Whether a failure says that memory has run out, of the machine or of a GPU; torch says so in RuntimeErrors."""
    told = str(failure).lower()
    return isinstance(failure, MemoryError) or (
        isinstance(failure, RuntimeError) and any(words in told for words in SAID_BY_TORCH)
    )


def larger_share(gpus: float) -> float:
    """The next share of which whole ones fill a GPU: 1/2 after 1/3 and 1/4, 1 after 1/2."""
    return 1 / max(1, round(1 / gpus) // 2)


def free_memory() -> None:
    """Give back what nobody holds any more, on the GPU too. Imports nothing for that."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def gpu_bytes_held() -> int:
    """Bytes of tensors that this process still holds on its GPUs; 0 where it has none. Imports nothing for that."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return 0
    return sum(torch.cuda.memory_allocated(device) for device in range(torch.cuda.device_count()))
