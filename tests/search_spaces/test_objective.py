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


def test_an_aopc_of_another_convention_is_an_objective_under_its_own_name_unless_less_of_it_is_better() -> None:
    require_known("aopc_lrp_blur/val/aopc", [Aopc(explainer="lrp", perturbation="blur", split="val")])
    with pytest.raises(ValueError, match="no metric that a trial reports"):
        require_known("aopc_lerf/val/aopc", [Aopc(order="least_relevant_first", split="val")])
