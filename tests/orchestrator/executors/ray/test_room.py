"""How many trials go onto a machine or a cluster at once."""

import os

import pytest

from orchestrator.errors import MachineError
from orchestrator.executors.ray.room import room_here, room_of
from orchestrator.memory import larger_share
from search_spaces.sweep import Resources

CPUS = os.cpu_count() or 1


def test_whole_trials_fill_a_gpu() -> None:
    for gpus, share, trials in ((1, 1.0, 1), (1, 1 / 2, 2), (2, 1 / 3, 6), (4, 1.0, 4)):
        assert room_of("auto", {"CPU": 100, "GPU": gpus}, Resources(gpus=share)) == trials
        assert room_here(Resources(gpus=share), gpus) == min(CPUS, trials)


def test_a_machine_without_a_gpu_refuses_trials_that_want_one() -> None:
    with pytest.raises(MachineError, match="resources/gpus=0 trains on CPUs"):
        room_here(Resources(gpus=0.5), 0)


def test_measured_memory_limits_how_many_run_at_once() -> None:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    assert room_here(Resources(memory_gb=total * 0.7, measured=("memory_gb",)), None) == 1
    assert room_here(Resources(memory_gb=total * 0.7), None) == CPUS  # a limit that a user gave is no reservation


def test_a_share_that_was_too_small_becomes_one_of_which_whole_ones_fill_a_gpu() -> None:
    assert [larger_share(1 / n) for n in (8, 5, 4, 3, 2)] == [1 / 4, 1 / 2, 1 / 2, 1, 1]
