"""A trial is told the share of a GPU that is reserved for it, because its reports say what it was computed with."""

from typing import Any

import pytest

from orchestrator.trial import TrialJob

pytestmark = pytest.mark.ray

JOB = TrialJob(name="trial-0000", spec={}, key="k", fit_key="f", data_key="d", storage="s")


class Source:
    """One trial."""

    def interrupted(self) -> bool:
        return False

    def next_trial(self) -> TrialJob:
        return JOB


def test_a_larger_share_is_told_too() -> None:
    from orchestrator.executors.ray.adapters import SourceSearcher
    from orchestrator.executors.ray.again import Again

    source: Any = Source()
    again = Again(gpus=0.25, raises=True)
    searcher = SourceSearcher(source, concurrent=1, metric="val/nll", again=again)
    first = searcher.suggest("one")
    assert TrialJob(**first["job"]).gpus == first["gpus"] == 0.25
    assert again.with_larger_share(JOB.name, "OutOfMemoryError: CUDA out of memory")
    searcher.on_trial_complete("one")
    second = searcher.suggest("two")
    assert TrialJob(**second["job"]).gpus == second["gpus"] == 0.5
