import os

from trainables.posthoc.memory import NotEnoughMemoryError, available_bytes


def test_some_memory_is_there_and_no_more_than_the_machine_has():
    assert 0 < available_bytes() <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_a_lack_of_memory_is_told_to_the_caller_as_a_wrong_setting():
    assert issubclass(NotEnoughMemoryError, ValueError)
