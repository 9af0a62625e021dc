"""W z + b before the softmax: vector and matrix scaling, Dirichlet calibration."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from tests.trainables.planted import ids
from trainables.posthoc.calibrators.linear import (
    GRID,
    LIGHT,
    chosen_regularisation,
    fit_linear,
    mean_nll,
    penalty,
)
from trainables.posthoc.calibrators.newton import minimise

DOUBLE = torch.float64


def planted(seed=0, n=300, classes=3, weights=None, intercepts=None):
    """Inputs z and one-hot truth drawn from softmax(W z + b)."""
    generator = torch.Generator().manual_seed(seed)
    inputs = 2 * torch.randn(n, classes, generator=generator, dtype=DOUBLE)
    weights = torch.eye(classes, dtype=DOUBLE) if weights is None else weights
    logits = inputs @ weights.T + (0 if intercepts is None else intercepts)
    drawn = torch.multinomial(torch.softmax(logits, dim=1), 1, generator=generator)[:, 0]
    return inputs, torch.nn.functional.one_hot(drawn, classes).double()


def test_a_planted_vector_is_recovered():
    slopes = torch.tensor([0.3, 1.0, 2.0], dtype=DOUBLE)
    intercepts = torch.tensor([0.5, 0.0, -0.5], dtype=DOUBLE)
    fitted = fit_linear(
        *planted(n=40_000, weights=torch.diag(slopes), intercepts=intercepts), regularisation=LIGHT, diagonal=True
    )
    np.testing.assert_allclose(fitted.weights, torch.diag(slopes), atol=0.05)
    np.testing.assert_allclose(fitted.intercepts - fitted.intercepts.mean(), intercepts, atol=0.05)


def test_a_planted_matrix_is_recovered_up_to_what_a_softmax_does_not_see():
    weights = torch.tensor([[1.0, 0.5, 0.0], [0.0, 0.7, -0.4], [0.2, 0.0, 0.5]], dtype=DOUBLE)
    fitted = fit_linear(*planted(n=40_000, weights=weights), regularisation=1e-6)
    np.testing.assert_allclose(fitted.weights - fitted.weights.mean(0), weights - weights.mean(0), atol=0.06)


def test_matrix_scaling_without_a_penalty_predicts_as_scikit_learn_s_regression():
    inputs, truth = planted(weights=torch.tensor([[0.5, 0.3, 0], [0, 0.8, 0], [0.1, 0, 0.4]], dtype=DOUBLE))
    library = LogisticRegression(C=np.inf, tol=1e-10, max_iter=5000).fit(inputs.numpy(), truth.argmax(1).numpy())
    ours = torch.softmax(fit_linear(inputs, truth, regularisation=0.0)(inputs), dim=1)
    np.testing.assert_allclose(ours, library.predict_proba(inputs.numpy()), atol=2e-3)  # LIGHT is all that differs


@pytest.mark.parametrize("diagonal", [False, True])
def test_the_gradient_of_value_and_penalty_vanishes_at_the_fit(diagonal):
    inputs, truth = planted(n=80)
    fitted = fit_linear(inputs, truth, regularisation=0.05, diagonal=diagonal)
    weights, intercepts = fitted.weights.clone().requires_grad_(), fitted.intercepts.clone().requires_grad_()
    (mean_nll(inputs @ weights.T + intercepts, truth) + penalty(weights, intercepts, 0.05)).backward()
    slope = weights.grad.diagonal() if diagonal else weights.grad
    assert float(slope.abs().max()) < 1e-6
    assert float(intercepts.grad.abs().max()) < 1e-6


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 40), scale=st.floats(0.01, 300), diagonal=st.booleans())
def test_the_nll_of_the_fitting_split_never_gets_worse(seed, n, scale, diagonal):
    inputs, truth = planted(seed, n)
    inputs = scale * inputs
    fitted = fit_linear(inputs, truth, regularisation=0.01, diagonal=diagonal)
    assert float(mean_nll(fitted(inputs), truth)) <= float(mean_nll(inputs, truth)) + 1e-12
    if diagonal:
        assert torch.equal(fitted.weights, torch.diag(fitted.weights.diagonal()))


def test_the_penalty_is_odir_and_zero_at_the_identity():
    weights = torch.tensor([[2.0, 1.0], [3.0, 1.0]], dtype=DOUBLE)
    intercepts = torch.tensor([1.0, 2.0], dtype=DOUBLE)
    expected = 0.1 * ((1 + 9) / 2 + (1 + 4) / 2) + LIGHT * 0.5
    assert float(penalty(weights, intercepts, 0.1)) == pytest.approx(expected)
    assert float(penalty(torch.eye(2, dtype=DOUBLE), torch.zeros(2, dtype=DOUBLE), 0.1)) == 0


def test_cross_validation_takes_a_strong_penalty_where_nothing_is_to_be_learnt_and_a_weak_one_where_much_is():
    assert chosen_regularisation(*planted(n=60), ids("calib", 60)) >= 1
    weights = torch.tensor([[0.0, 2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=DOUBLE)
    assert chosen_regularisation(*planted(n=300, weights=weights), ids("calib", 300)) <= 0.1


def test_cross_validation_does_not_depend_on_the_order_and_takes_a_single_image():
    inputs, truth = planted(n=50)
    names = ids("calib", 50)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(1))
    shuffled = tuple(names[n] for n in order.tolist())
    assert chosen_regularisation(inputs, truth, names) == chosen_regularisation(inputs[order], truth[order], shuffled)
    assert chosen_regularisation(inputs[:1], truth[:1], names[:1]) == GRID[0]


def test_a_flawless_split_has_an_optimum():
    inputs = 5 * torch.eye(3, dtype=DOUBLE).repeat(4, 1)
    fitted = fit_linear(inputs, torch.eye(3, dtype=DOUBLE).repeat(4, 1), regularisation=0.01)
    assert float(fitted.weights.abs().max()) < 10


def test_newton_s_method_finds_the_minimum_of_a_quadratic_with_a_flat_direction():
    curvature = torch.diag(torch.tensor([2.0, 0.0], dtype=DOUBLE))
    target = torch.tensor([3.0, 0.0], dtype=DOUBLE)

    def objective(x):
        return float((x - target) @ curvature @ (x - target) / 2), curvature @ (x - target), curvature

    found = minimise(objective, torch.tensor([0.0, 7.0], dtype=DOUBLE))
    np.testing.assert_allclose(found, [3.0, 7.0], atol=1e-6)
