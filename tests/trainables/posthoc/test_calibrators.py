"""Maps of one label's log odds, against closed forms, literal loops and scikit-learn."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from trainables.metrics.multilabel import entry_losses
from trainables.posthoc.calibrators.bbq import fit_bbq, sizes
from trainables.posthoc.calibrators.histogram import fit_histogram
from trainables.posthoc.calibrators.interface import Affine
from trainables.posthoc.calibrators.isotonic import fit_isotonic, pool_adjacent
from trainables.posthoc.calibrators.platt import fit_platt, smoothed

SEEDS = st.integers(0, 10_000)
SIZES = st.integers(4, 80)


def entries(seed=0, n=300, slope=1.0, intercept=0.0, decimals=None):
    """Log odds z and targets drawn from sigmoid(slope * z + intercept), both outcomes among them."""
    generator = torch.Generator().manual_seed(seed)
    log_odds = 2 * torch.randn(n, generator=generator, dtype=torch.float64)
    if decimals is not None:
        log_odds = log_odds.round(decimals=decimals)
    targets = torch.bernoulli(torch.sigmoid(slope * log_odds + intercept), generator=generator)
    targets[:2] = torch.tensor([0.0, 1.0])
    return log_odds, targets


def nll(log_odds, targets):
    return float(entry_losses(log_odds, targets).mean())


@pytest.mark.parametrize(("slope", "intercept"), [(0.25, 1.0), (1.0, -1.5), (3.0, 0.5)])
def test_planted_platt_parameters_are_recovered(slope, intercept):
    fitted = fit_platt(*entries(n=40_000, slope=slope, intercept=intercept))
    assert fitted.slope == pytest.approx(slope, rel=0.05)
    assert fitted.intercept == pytest.approx(intercept, abs=0.06)


def test_platt_is_scikit_learn_s_regression_on_platt_s_targets():
    log_odds, targets = entries(slope=0.4, intercept=0.8)
    wanted = smoothed(targets)
    assert float(wanted.max()) == pytest.approx((targets.sum() + 1) / (targets.sum() + 2))
    rows = np.concatenate([log_odds, log_odds])[:, None]
    library = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    library.fit(rows, np.repeat([1, 0], len(targets)), sample_weight=torch.cat([wanted, 1 - wanted]).numpy())
    fitted = fit_platt(log_odds, targets)
    assert fitted.slope == pytest.approx(library.coef_[0, 0], rel=1e-4)
    assert fitted.intercept == pytest.approx(library.intercept_[0], rel=1e-4)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, n=SIZES, slope=st.floats(0.01, 50), intercept=st.floats(-2, 2))
def test_platt_never_raises_the_nll_of_its_own_entries(seed, n, slope, intercept):
    log_odds, targets = entries(seed, n, slope, intercept)
    fitted = fit_platt(log_odds, targets)
    assert nll(fitted(log_odds), targets) <= nll(log_odds, targets)
    assert math.isfinite(fitted.slope)


def test_platt_stays_finite_where_the_log_odds_separate_and_where_they_saturate():
    log_odds = torch.tensor([-1.0, -0.5, 0.5, 1.0], dtype=torch.float64)
    separated = fit_platt(log_odds, (log_odds > 0).double())
    assert 1 < separated.slope < 10
    wrong = fit_platt(1000 * log_odds, torch.tensor([0.0, 1.0, 0.0, 1.0], dtype=torch.float64))
    assert 0 < wrong.slope < 0.01


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, n=SIZES)
def test_isotonic_regression_agrees_with_scikit_learn(seed, n):
    log_odds, targets = entries(seed, n, decimals=1)
    least = 1 / (2 * n)
    library = IsotonicRegression(out_of_bounds="clip", y_min=least, y_max=1 - least)
    library.fit(torch.sigmoid(log_odds).numpy(), targets.numpy())
    asked = torch.linspace(-6, 6, 50, dtype=torch.float64)
    found = torch.sigmoid(fit_isotonic(log_odds, targets)(asked))
    np.testing.assert_allclose(found, library.predict(torch.sigmoid(asked).numpy()), rtol=1e-6, atol=1e-9)
    assert bool((found.diff() >= -1e-12).all())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([1.0, 2.0, 5.0])), min_size=1, max_size=8))
def test_pooled_blocks_are_the_largest_mean_up_to_a_place_of_the_smallest_mean_after_it(pairs):
    values, weights = (list(each) for each in zip(*pairs, strict=True))

    def mean(first, last):
        return np.average(values[first : last + 1], weights=weights[first : last + 1])

    n = len(values)
    literal = [max(min(mean(first, last) for last in range(k, n)) for first in range(k + 1)) for k in range(n)]
    means, lengths = pool_adjacent(values, weights)
    np.testing.assert_allclose(np.repeat(means, lengths), literal, atol=1e-12)


@pytest.mark.parametrize("binning", ["equal_mass", "equal_width"])
@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, n=SIZES, bins=st.integers(1, 20))
def test_a_histogram_gives_each_bin_its_share_clipped_by_half_an_entry(binning, seed, n, bins):
    log_odds, targets = entries(seed, n, decimals=1)
    steps = fit_histogram(log_odds, targets, bins=bins, binning=binning)
    borders = [-math.inf, *steps.edges.tolist(), math.inf]
    assert len(steps.values) == len(borders) - 1 <= bins
    probabilities, found = torch.sigmoid(log_odds), torch.sigmoid(steps(log_odds))
    for low, high in itertools.pairwise(borders):
        inside = (probabilities > low) & (probabilities <= high)
        if not inside.any():
            assert binning == "equal_width"
            continue
        count = int(inside.sum())
        share = min(max(float(targets[inside].mean()), 1 / (2 * count)), 1 - 1 / (2 * count))
        np.testing.assert_allclose(found[inside], share, atol=1e-12)


def test_bins_of_equal_mass_hold_equally_many_entries_and_empty_bins_change_nothing():
    log_odds, targets = entries(n=300)
    steps = fit_histogram(log_odds, targets, bins=15)
    counts = torch.bincount(torch.bucketize(torch.sigmoid(log_odds), steps.edges))
    assert counts.tolist() == [20] * 15
    high = log_odds.clamp_min(1.0)
    asked = torch.tensor([-3.0], dtype=torch.float64)
    assert torch.equal(fit_histogram(high, targets, binning="equal_width")(asked), asked)


def literal_bbq(probabilities, targets, asked):
    """Naeini et al. 2015 in loops: log evidence and posterior mean of every histogram, then their weighted mean."""
    n, ordered = len(probabilities), sorted(probabilities)
    evidences, answers = [], []
    for bins in sizes(n):
        cuts = sorted({i * n // bins for i in range(1, bins)} - {0})
        edges = [(ordered[c - 1] + ordered[c]) / 2 for c in cuts]
        borders = [0.0, *edges, 1.0]
        evidence, answer = 0.0, None
        for low, high in itertools.pairwise(borders):
            inside = [t for p, t in zip(probabilities, targets, strict=True) if low < p <= high]
            strength, middle = 2 / (len(borders) - 1), min(max((low + high) / 2, 1 / (2 * n)), 1 - 1 / (2 * n))
            a, b, n1, n0 = strength * middle, strength * (1 - middle), sum(inside), len(inside) - sum(inside)
            evidence += math.lgamma(strength) - math.lgamma(len(inside) + strength)
            evidence += math.lgamma(n1 + a) - math.lgamma(a) + math.lgamma(n0 + b) - math.lgamma(b)
            if low < asked <= high:
                answer = (n1 + a) / (len(inside) + strength)
        evidences.append(evidence)
        answers.append(answer)
    weights = np.exp(np.array(evidences) - max(evidences))
    return float(np.average(answers, weights=weights))


@pytest.mark.parametrize("seed", range(3))
def test_bayesian_binning_agrees_with_a_literal_loop(seed):
    log_odds, targets = entries(seed, n=40, slope=0.5)
    steps = fit_bbq(log_odds, targets)
    probabilities = torch.sigmoid(log_odds).tolist()
    for asked in (0.02, 0.31, 0.5, 0.77, 0.999):
        found = torch.sigmoid(steps(torch.logit(torch.tensor([asked], dtype=torch.float64))))
        assert float(found) == pytest.approx(literal_bbq(probabilities, targets.tolist(), asked), rel=1e-9)


@pytest.mark.parametrize("fit", [fit_platt, fit_isotonic, fit_histogram, fit_bbq])
def test_calibrated_log_odds_stay_about_as_they_are_and_saturated_ones_are_no_trouble(fit):
    log_odds, targets = entries(n=40_000)
    before, after = torch.sigmoid(log_odds), torch.sigmoid(fit(log_odds, targets)(log_odds))
    assert float((before - after).abs().mean()) < 0.03
    certain = 500 * log_odds[:200].sign()
    found = fit(certain, targets[:200])(torch.tensor([-500.0, 0.0, 500.0], dtype=torch.float64))
    assert bool(found.isfinite().all())
    assert found[0] < found[2]


def test_the_identity_changes_nothing():
    log_odds, _ = entries()
    assert torch.equal(Affine()(log_odds), log_odds)
