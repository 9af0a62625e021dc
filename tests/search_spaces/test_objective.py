import pytest

from search_spaces.objective import require_known
from trainables.spec import Aopc, Laplace


def test_an_objective_on_aopc_says_which_task_it_needs() -> None:
    with pytest.raises(ValueError, match=r"Put Aopc\(split='val'\) into the sweep's posthoc"):
        require_known("aopc/val/aopc", [Aopc()])
    require_known("aopc/val/aopc", [Aopc(split="val")])


def test_an_unknown_objective_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match="Did you mean 'laplace_kron/val/nll'"):
        require_known("laplace_kro/val/nll", [Laplace()])
