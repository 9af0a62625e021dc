"""Laplace of a sigmoid head against the Hessian by automatic differentiation, closed forms and slow loops."""

import math

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from tests.trainables.planted_label_heads import LabelHead
from trainables.metrics import headline
from trainables.multilabel import MultiLabelPredictions
from trainables.posthoc import run
from trainables.posthoc.gauss_newton import gauss_newton
from trainables.posthoc.laplace import fit_laplace
from trainables.posthoc.posterior import load_posterior, posterior_tensors, predict_laplace, sample_heads
from trainables.posthoc.prior_precision import (
    grid_nll,
    grid_precision,
    layerwise_marginal_likelihood_precisions,
    log_marginal_likelihood,
    marginal_likelihood_precision,
)
from trainables.spec import Laplace, Split

STRUCTURES = ("diag", "kron", "full")
NETWORK = LabelHead()
TRAIN, FEATURES, HEAD = NETWORK.predictions("train"), NETWORK.features("train"), NETWORK.head()


def summed_nll(flat, features=FEATURES, targets=TRAIN.targets, head=HEAD):
    cut = head.weight.numel()
    logits = features.double() @ flat[:cut].reshape(head.weight.shape).T + flat[cut:]
    known = ~targets.isnan()
    return functional.binary_cross_entropy_with_logits(logits[known], targets[known].double(), reduction="sum")


def theta(head=HEAD):
    return torch.cat([head.weight.flatten(), head.bias]).detach().double()


def dense(structure, features=FEATURES, targets=TRAIN.targets, head=HEAD):
    """The matrix of a structure, [P, P]: the Hessian of a sigmoid head's NLL is its Gauss-Newton matrix."""
    hessian = torch.autograd.functional.hessian(lambda flat: summed_nll(flat, features, targets, head), theta(head))
    if structure != "kron":
        return torch.diag(hessian.diagonal()) if structure == "diag" else hessian
    rows = ~targets.isnan().all(1)
    p = torch.sigmoid(head.double()(features.double())).detach()
    head.float()
    by_label = torch.diag((p * (1 - p) * ~targets.isnan()).sum(0))
    phi = features[rows].double()
    return torch.block_diag(torch.kron(by_label, phi.T @ phi / len(phi)), by_label)


@pytest.fixture(scope="module", params=STRUCTURES)
def posterior(request):
    return fit_laplace(request.param, FEATURES, TRAIN.targets, HEAD)


def structure_of(posterior):
    return "full" if posterior.curvature.structure == "blocks" else posterior.curvature.structure


def jacobian(row, labels=3):
    eye = torch.eye(labels, dtype=torch.float64)
    return torch.cat([torch.kron(eye, row[None].double()), eye], dim=1)


def test_the_curvature_is_the_hessian_by_automatic_differentiation(posterior):
    expected = torch.linalg.eigvalsh(dense(structure_of(posterior)))
    torch.testing.assert_close(posterior.curvature.eigenvalues().sort().values, expected, atol=1e-9, rtol=1e-9)


def test_soft_targets_have_the_same_curvature(posterior):
    soft = fit_laplace(structure_of(posterior), FEATURES, 0.1 + 0.8 * TRAIN.targets, HEAD)
    assert torch.equal(soft.curvature.eigenvalues(), posterior.curvature.eigenvalues())


@pytest.mark.parametrize("precision", [0.01, 1.0, 300.0])
def test_variances_and_the_probit_are_those_of_the_dense_matrix(posterior, precision):
    covariance = torch.linalg.inv(dense(structure_of(posterior)) + precision * torch.eye(18, dtype=torch.float64))
    rows = NETWORK.features("test")[:20]
    slow = torch.stack([(jacobian(row) @ covariance @ jacobian(row).T) for row in rows])
    own = posterior.with_prior_precision(precision)
    torch.testing.assert_close(own.curvature.covariance(rows.double(), precision), slow, atol=1e-9, rtol=1e-7)
    variance = slow.diagonal(dim1=1, dim2=2)
    expected = HEAD(rows).double() / (1 + math.pi / 8 * variance).sqrt()
    torch.testing.assert_close(predict_laplace(own, rows)[0], expected.detach(), atol=1e-5, rtol=1e-5)


def test_sampled_heads_have_the_posterior_s_covariance(posterior):
    weights, biases = sample_heads(posterior, 40_000)
    drawn = torch.cat([weights.flatten(1), biases], dim=1) - theta()
    covariance = torch.linalg.inv(dense(structure_of(posterior)) + torch.eye(18, dtype=torch.float64))
    scale = covariance.diagonal().sqrt()
    assert ((torch.cov(drawn.T) - covariance) / torch.outer(scale, scale)).abs().max() < 0.03
    assert (drawn.mean(0) / scale).abs().max() < 0.03


def test_the_marginal_likelihood_is_that_of_the_dense_matrix_and_ours_is_the_largest(posterior):
    nll, matrix = float(summed_nll(theta())), dense(structure_of(posterior))

    def slow(d):
        ratio = torch.logdet(matrix / d + torch.eye(len(matrix), dtype=torch.float64))
        return -nll - 0.5 * float(ratio + d * theta().square().sum())

    best = marginal_likelihood_precision(posterior)
    for d in (0.05, best, 20.0):
        assert log_marginal_likelihood(posterior.with_prior_precision(d), nll) == pytest.approx(slow(d), abs=1e-6)
    assert slow(best) > max(slow(0.98 * best), slow(1.02 * best))


def test_the_layer_wise_marginal_likelihood_is_the_largest_in_both_directions():
    for structure in ("diag", "kron"):
        fitted = fit_laplace(structure, FEATURES, TRAIN.targets, HEAD)
        weight, bias = layerwise_marginal_likelihood_precisions(fitted)

        def value(of_weight, of_bias, fitted=fitted):
            return log_marginal_likelihood(fitted.with_prior_precision(of_weight, of_bias), 0.0)

        around = [value(weight * a, bias * b) for a in (0.98, 1, 1.02) for b in (0.98, 1, 1.02)]
        assert max(around) == around[4]
        assert value(weight, weight) == pytest.approx(log_marginal_likelihood(fitted.with_prior_precision(weight), 0.0))


def test_the_grid_agrees_with_one_posterior_after_another(posterior):
    calib, features = NETWORK.predictions("calib"), NETWORK.features("calib")
    grid, biases = torch.tensor([0.01, 1.0, 50.0]).double(), torch.tensor([2.0, 0.1, 7.0]).double()
    for of_bias in (None, biases) if structure_of(posterior) != "full" else (None,):
        slow = []
        for n, precision in enumerate(grid.tolist()):
            own = posterior.with_prior_precision(precision, None if of_bias is None else of_bias[n].item())
            slow.append(headline(calib.with_logits(predict_laplace(own, features)))["nll"])
        found = grid_nll(posterior, features, calib.targets, grid, of_bias)
        torch.testing.assert_close(found, torch.tensor(slow).double())


def test_matrices_of_parts_add_up(posterior):
    structure = structure_of(posterior)
    parts = [gauss_newton(structure, FEATURES[rows], TRAIN.targets[rows], HEAD) for rows in torch.arange(120).split(50)]
    added = (parts[0] + parts[1] + parts[2]).decompose().eigenvalues()
    torch.testing.assert_close(added, posterior.curvature.eigenvalues())


def test_a_label_that_nobody_knows_keeps_the_prior(posterior):
    targets = TRAIN.targets.clone()
    targets[:, 1] = torch.nan
    fitted = fit_laplace(structure_of(posterior), FEATURES, targets, HEAD)
    row = NETWORK.features("test")[:1].double()
    variance = fitted.curvature.variance(row, torch.tensor([2.0]).double())
    assert variance[0, 1, 0].item() == pytest.approx((row.square().sum().item() + 1) / 2)


def test_a_stored_posterior_predicts_the_same(posterior, tmp_path):
    own = posterior if structure_of(posterior) == "full" else posterior.with_prior_precision(2.0, 3.0)
    save_file({name: part.contiguous() for name, part in posterior_tensors(own).items()}, tmp_path / "posterior")
    back = load_posterior(load_file(tmp_path / "posterior"))
    for options in ({}, {"samples": 3}):
        assert torch.equal(predict_laplace(back, FEATURES, **options), predict_laplace(own, FEATURES, **options))


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("method", ["marglik", "grid", "cv"])
def test_the_task_gives_predictions_of_labels(structure, method):
    result = run(Laplace(hessian_structure=structure, prior_precision=method), [NETWORK])
    posterior = load_posterior(result.tensors)
    assert posterior.prior_precision == result.metrics[f"{'train' if method == 'marglik' else 'calib'}/prior_precision"]
    assert isinstance(result.predictions["test"], MultiLabelPredictions)
    assert result.metrics["test/nll"] == headline(result.predictions["test"])["nll"]
    assert ("train/log_marginal_likelihood" in result.metrics) == (method != "cv")
    assert list(result.seconds) == ["fit", "prior_precision", "predict", "evaluate"]


def test_samples_come_as_members_and_a_layer_wise_prior_has_two_precisions():
    task = Laplace(predictive="mc", samples=7, prior="layerwise", prior_precision="grid")
    result = run(task, [NETWORK])
    assert task.name == "laplace_kron_grid_layerwise_mc"
    assert result.predictions["test"].members == 7
    assert {"calib/prior_precision", "calib/bias_precision"} <= set(result.metrics)


def test_an_overconfident_network_is_helped():
    network = LabelHead(overconfidence=5.0, images_per_split=400)
    for method in ("grid", "cv"):
        result = run(Laplace(prior_precision=method), [network])
        assert result.metrics["test/nll"] < headline(network.predictions("test"))["nll"]


def test_without_any_known_label_the_task_still_ends():
    result = run(Laplace(prior_precision="grid"), [LabelHead(share_unknown=1.1)])
    assert result.metrics["test/nll"] is None
    assert math.isfinite(result.metrics["train/log_marginal_likelihood"])


@pytest.mark.parametrize("predictive", ["bridge", "bridge_norm"])
def test_the_bridge_of_labels_is_refused_with_its_reason(predictive):
    with pytest.raises(
        ValueError, match=r"sigmoid of the trained logit, whatever the variance is\. Use 'probit' or 'mc'"
    ):
        run(Laplace(predictive=predictive), [NETWORK])


def test_without_a_calib_split_the_folds_are_of_val():
    result = run(Laplace(prior_precision="cv"), [LabelHead(split_spec=Split(calib=0.0))])
    assert "val/prior_precision" in result.metrics
    assert "no calib split" in result.remarks[0]


def test_a_wide_head_of_4096_features():
    features = torch.randn(40, 4096, generator=torch.Generator().manual_seed(0)).relu()
    targets = torch.bernoulli(torch.full((40, 3), 0.5), generator=torch.Generator().manual_seed(0))
    head = nn.Linear(4096, 3)
    fitted = fit_laplace("diag", features, targets, head)
    assert predict_laplace(fitted, features).isfinite().all()
    assert grid_precision(fitted, features, targets) > 0
    by_feature = gauss_newton("kron", features, targets, head).parts["by_feature"]
    torch.testing.assert_close(by_feature, features.double().T @ features.double() / 40)
