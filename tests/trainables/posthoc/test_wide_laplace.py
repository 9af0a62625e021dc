"""Laplace at the width of VGG's last layer."""

import pytest
import torch
from torch import nn

from trainables.posthoc.gauss_newton import gauss_newton
from trainables.posthoc.posterior import posterior_of, predict_laplace

WIDTH, CLASSES, PRECISION = 4096, 4, 3.0


@pytest.mark.slow
def test_the_kronecker_posterior_of_4096_features_has_the_variance_of_direct_solves() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.relu(torch.randn(96, WIDTH, generator=generator, dtype=torch.float64))
    targets = torch.randint(CLASSES, (96,), generator=generator)
    torch.manual_seed(0)
    head = nn.Linear(WIDTH, CLASSES).double()
    posterior = posterior_of(head, gauss_newton("kron", features, targets, head).decompose(), PRECISION)
    some = features[:2]
    found = posterior.curvature.variance(some, torch.tensor([PRECISION], dtype=torch.float64))[:, :, 0]

    with torch.no_grad():
        probabilities = head(features).softmax(1)
    by_class = torch.diag(probabilities.sum(0)) - probabilities.T @ probabilities
    by_feature = features.T @ features / len(features)
    values, vectors = torch.linalg.eigh(by_class)
    wanted = torch.zeros(2, CLASSES, dtype=torch.float64)
    for value, vector in zip(values.clamp_min(0), vectors.T, strict=True):
        covered = value * by_feature + PRECISION * torch.eye(WIDTH, dtype=torch.float64)
        quadratic = (some * torch.linalg.solve(covered, some.T).T).sum(1)
        wanted += quadratic[:, None] * vector.square()
    bias = torch.linalg.inv(by_class + PRECISION * torch.eye(CLASSES, dtype=torch.float64)).diagonal()
    torch.testing.assert_close(found, wanted + bias, rtol=1e-4, atol=1e-8)
    assert predict_laplace(posterior, some).shape == (1, 2, CLASSES)
