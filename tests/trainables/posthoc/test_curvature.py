import pytest
import torch

from trainables.posthoc.curvature import (
    DiagCurvature,
    FullCurvature,
    KronCurvature,
    curvature_from_tensors,
    curvature_tensors,
    eigen,
)

CLASSES, FEATURES = 3, 5
P = CLASSES * (FEATURES + 1)


def positive(size, seed):
    root = torch.randn(size, size + 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return root @ root.T


def diag():
    values = positive(P, 0).diagonal()
    cut = CLASSES * FEATURES
    curvature = DiagCurvature(weight_values=values[:cut].reshape(CLASSES, FEATURES), bias_values=values[cut:])
    return curvature, torch.diag(values)


def kron():
    by_class, by_feature, by_bias = positive(CLASSES, 1), positive(FEATURES, 2), positive(CLASSES, 3)
    (u, a), (v, b), (w, c) = eigen(by_class), eigen(by_feature), eigen(by_bias)
    curvature = KronCurvature(
        class_vectors=u, class_values=a, feature_vectors=v, feature_values=b, bias_vectors=w, bias_values=c
    )
    return curvature, torch.block_diag(torch.kron(by_class, by_feature), by_bias)


def full():
    matrix = positive(P, 4)
    vectors, values = eigen(matrix)
    return FullCurvature(vectors=vectors, values=values), matrix


@pytest.fixture(params=[diag, kron, full], ids=lambda build: build.__name__)
def pair(request):
    return request.param()


def jacobian(features):
    eye = torch.eye(CLASSES, dtype=torch.float64)
    return torch.cat([torch.kron(eye, features[None]), eye], dim=1)


def test_eigenvalues_are_those_of_the_matrix(pair):
    curvature, matrix = pair
    torch.testing.assert_close(curvature.eigenvalues().sort().values, torch.linalg.eigvalsh(matrix))


def test_the_variance_of_the_logits_agrees_with_an_inverse(pair):
    curvature, matrix = pair
    features = torch.randn(7, FEATURES, dtype=torch.float64)
    grid = torch.tensor([0.01, 1.0, 50.0], dtype=torch.float64)
    variance = curvature.variance(features, grid)
    for g, precision in enumerate(grid):
        covariance = torch.linalg.inv(matrix + precision * torch.eye(P, dtype=torch.float64))
        for n, row in enumerate(features):
            expected = jacobian(row) @ covariance @ jacobian(row).T
            torch.testing.assert_close(variance[n, :, g], expected.diagonal())


def test_samples_have_the_posterior_covariance(pair):
    curvature, matrix = pair
    drawn = curvature.sample(torch.eye(P, dtype=torch.float64), 2.0)
    expected = torch.linalg.inv(matrix + 2.0 * torch.eye(P, dtype=torch.float64))
    torch.testing.assert_close(drawn.T @ drawn, expected)


def test_a_stored_curvature_is_read_back(pair):
    curvature, _ = pair
    tensors = curvature_tensors(curvature)
    back = curvature_from_tensors({"weight": torch.zeros(1), **tensors})
    assert type(back) is type(curvature)
    assert all(torch.equal(part, curvature_tensors(back)[name]) for name, part in tensors.items())


def test_tensors_without_a_posterior_are_refused():
    with pytest.raises(ValueError, match="No Laplace posterior among the tensors curve"):
        curvature_from_tensors({"curve": torch.zeros(1)})


def test_rounding_leaves_no_negative_eigenvalue():
    column = torch.randn(6, 1, dtype=torch.float64)
    _, values = eigen(column @ column.T)
    assert (values >= 0).all()
