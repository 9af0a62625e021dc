import itertools
from types import SimpleNamespace

import pytest

from orchestrator.report.stability import kendall_tau, rankings, stability_tables, variant_label
from search_spaces.sweep import Sweep
from trainables.spec import Aopc, AopcStability, ExplanationScores

GAINS = {
    "blur_cells_4": (0.1, 0.3, 0.2),
    "noise_0.1_cells_4": (0.3, 0.2, 0.1),
    "uniform_cells_4": (0.5, 0.4, 0.3),
}


def rows(gains=GAINS, task="aopc_stability"):
    def of(n):
        return {f"{task}/{name}/test/aopc_gain": each[n] for name, each in gains.items()}

    return [
        SimpleNamespace(name=f"trial-{n}", metrics=of(n) | {"test/ece": 0.1, "aopc/test/aopc_gain": 1.0})
        for n in range(3)
    ]


def test_kendalls_tau_counts_pairs_in_the_same_order():
    one, other = [0.3, 0.1, 0.9, 0.4], [0.2, 0.3, 0.8, 0.1]
    pairs = list(itertools.combinations(range(4), 2))
    agree = sum((one[a] - one[b]) * (other[a] - other[b]) > 0 for a, b in pairs)
    assert kendall_tau(one, other) == pytest.approx((2 * agree - len(pairs)) / len(pairs))
    assert kendall_tau([1.0, 2.0], [5.0, 4.0]) == -1
    assert kendall_tau([1.0, 1.0], [5.0, 4.0]) is None


def test_rankings_are_compared_with_that_under_the_usual_noise():
    (found,) = rankings(rows())
    assert found.reference == "noise_0.1_cells_4"
    assert found.ranked("noise_0.1_cells_4") == ["trial-0", "trial-1", "trial-2"]
    assert found.tau(found.reference, "uniform_cells_4") == 1
    assert found.tau(found.reference, "blur_cells_4") == pytest.approx(-1 / 3)


def test_the_report_says_whether_the_ranking_survives():
    (table,) = stability_tables(rows())
    assert "3 networks" in table.sentence
    assert "0.33 in the mean and" in table.sentence
    assert "trial-0 stays first under 1 of 2 other variants" in table.sentence
    assert [line[0] for line in table.lines] == [variant_label(name) for name in GAINS]
    assert table.lines[2][1:] == ("1.00", "trial-0 (0.500) > trial-1 (0.400) > trial-2 (0.300)")


def test_a_single_network_has_no_ranking_and_missing_numbers_leave_a_network_out():
    assert rankings(rows()[:1]) == []
    given = rows()
    given[1].metrics["aopc_stability/blur_cells_4/test/aopc_gain"] = None
    (found,) = rankings(given)
    assert found.ranked("blur_cells_4") == ["trial-2", "trial-0"]


def test_a_sweep_takes_one_convention_under_a_name_and_several_names():
    Sweep(
        name="x",
        space=lambda trial: None,
        posthoc=(Aopc(), Aopc(split="val"), Aopc(explainer="lrp"), Aopc(output="logit")),
    )
    for one, other in (
        (Aopc(), Aopc(cells=8)),
        (ExplanationScores(), ExplanationScores(seed=1)),
        (AopcStability(), AopcStability(images=4)),
    ):
        with pytest.raises(ValueError, match="cannot be compared"):
            Sweep(name="x", space=lambda trial: None, posthoc=(one, other))
