import pytest

from search_spaces.objective import require_known, require_measured
from trainables.spec import Aopc, Laplace


def test_an_objective_on_aopc_says_which_task_it_needs() -> None:
    with pytest.raises(ValueError, match=r"Put Aopc\(split='val'\) into the sweep's posthoc"):
        require_known("aopc/val/aopc", [Aopc()])
    require_known("aopc/val/aopc", [Aopc(split="val")])


def test_an_unknown_objective_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match="Did you mean 'laplace_kron/val/nll'"):
        require_known("laplace_kro/val/nll", [Laplace()])


def test_the_area_under_the_curve_is_searched_on_where_training_measures_it() -> None:
    for metric in ("val/auroc", "temperature/val/auroc"):
        require_known(metric, [])
        require_measured(metric, multilabel=True)
        with pytest.raises(ValueError, match="these have one class"):
            require_measured(metric, multilabel=False)
    require_measured("val/nll", multilabel=False)
    require_known("laplace_kron/val/auroc", [Laplace()])
    require_measured("laplace_kron/val/auroc", multilabel=False)
