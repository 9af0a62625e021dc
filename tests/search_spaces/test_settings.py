import pytest

from search_spaces.schedulers import Asha, HyperBand, MedianStopping
from search_spaces.settings import with_scheduler, with_searcher
from search_spaces.sweep import Sweep
from tests.orchestrator.sweep.tiny import SWEEP


def set_to(**texts: str) -> object:
    return with_scheduler(SWEEP, {name.replace("__", "/"): text for name, text in texts.items()}).scheduler


def test_schedulers_are_named_with_their_options() -> None:
    assert set_to(scheduler="none") is None
    assert set_to(scheduler="median", scheduler__min_trials="5") == MedianStopping(min_trials=5)
    assert set_to(scheduler="hyperband", scheduler__brackets="2") == HyperBand(brackets=2)


def test_an_option_alone_changes_the_scheduler_that_the_sweep_has() -> None:
    assert SWEEP.scheduler == Asha(grace_epochs=1, reduction_factor=2)
    assert set_to(scheduler__grace_epochs="2") == Asha(grace_epochs=2, reduction_factor=2)
    assert set_to(scheduler="asha", scheduler__grace_epochs="2") == Asha(grace_epochs=2, reduction_factor=2)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"scheduler": "medain"}, "Did you mean 'median'"),
        ({"scheduler": "asha", "scheduler__grace": "2"}, "Did you mean 'grace_epochs'"),
        ({"scheduler": "none", "scheduler__grace_epochs": "2"}, "has no scheduler. Name one too"),
        ({"scheduler": "median", "scheduler__brackets": "2"}, "which has grace_epochs, min_trials"),
        ({"scheduler__grace_epochs": "soon"}, "scheduler/grace_epochs: wants a whole number"),
        ({"scheduler__grace_epochs": "0"}, "it is at least 1"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_way_out(texts: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        set_to(**texts)


def test_an_unknown_searcher_is_told_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"tpe, random, nsga2, grid, gp, qmc. Did you mean 'nsga2'"):
        with_searcher(SWEEP, "nsga")
    changed: Sweep = with_searcher(SWEEP, "gp")
    assert changed.searcher == "gp"
