"""Bridge, layer-wise prior and cross-validation of a softmax head, against laplace-torch and slow loops."""

import math

import pytest
import torch
from torch import nn

from tests.trainables.planted import PlantedNetwork
from tests.trainables.posthoc.test_laplace import library
from trainables.metrics import headline
from trainables.posthoc import run
from trainables.posthoc.gauss_newton import gauss_newton
from trainables.posthoc.laplace import fit_laplace
from trainables.posthoc.posterior import bridge_logits, laplace_predictions, load_posterior, predict_laplace
from trainables.posthoc.prior_precision import (
    COARSE,
    GRID,
    cross_validated,
    folds_of,
    grid_precisions,
)
from trainables.spec import Laplace

NETWORK = PlantedNetwork(images_per_split=150)
TRAIN, HEAD, FEATURES = NETWORK.predictions("train").targets, NETWORK.head(), NETWORK.features("train")
TEST = NETWORK.features("test")


@pytest.mark.parametrize("structure", ["diag", "kron", "full"])
@pytest.mark.parametrize("predictive", ["bridge", "bridge_norm"])
def test_the_bridge_agrees_with_the_library(structure, predictive):
    ours, theirs = fit_laplace(structure, FEATURES, TRAIN, HEAD), library(structure)
    for precision in (0.5, 20.0):
        theirs.prior_precision = torch.tensor([precision], dtype=torch.float64)
        task = Laplace(hessian_structure=structure, predictive=predictive)
        like = NETWORK.predictions("test")
        found = laplace_predictions(task, ours.with_prior_precision(precision), TEST, like).log_probs().exp()[0]
        expected = theirs(TEST.double(), link_approx=predictive)
        torch.testing.assert_close(found, expected.double(), atol=1e-5, rtol=0)


def test_the_bridge_of_two_classes_is_the_network_itself():
    means = torch.randn(20, 2, dtype=torch.float64)
    root = torch.randn(20, 2, 2, dtype=torch.float64)
    found = bridge_logits(means - means.mean(1, keepdim=True), root @ root.transpose(1, 2))
    covariance = torch.eye(2, dtype=torch.float64).expand(20, 2, 2)
    torch.testing.assert_close(bridge_logits(means, covariance).exp(), means.softmax(1))
    torch.testing.assert_close(found.exp().sum(1), torch.ones(20, dtype=torch.float64))


@pytest.mark.parametrize("structure", ["diag", "kron"])
def test_a_layer_wise_prior_agrees_with_the_library(structure):
    ours, theirs = fit_laplace(structure, FEATURES, TRAIN, HEAD), library(structure)
    of_each = torch.tensor([3.0, 0.2], dtype=torch.float64)  # of a diagonal the library wants one a parameter
    parameters = torch.tensor([HEAD.weight.numel(), HEAD.bias.numel()])
    theirs.prior_precision = of_each if structure == "kron" else of_each.repeat_interleave(parameters)
    found = predict_laplace(ours.with_prior_precision(3.0, 0.2), TEST)[0].softmax(1)
    torch.testing.assert_close(found, theirs(TEST.double()), atol=1e-6, rtol=0)


def test_the_pairs_of_a_layer_wise_grid_are_searched_one_after_another():
    ours, calib = fit_laplace("kron", FEATURES, TRAIN, HEAD), NETWORK.predictions("calib")
    features = NETWORK.features("calib")

    def slow(pair):
        return headline(calib.with_logits(predict_laplace(ours.with_prior_precision(*pair), features)))["nll"]

    found = grid_precisions(ours, features, calib.targets)
    others = [(weight, bias) for weight in COARSE[::6] for bias in COARSE[::6]]
    assert all(slow(found) <= slow(pair) + 1e-12 for pair in others)


def test_cross_validation_agrees_with_a_loop_over_its_folds():
    calib, features = NETWORK.predictions("calib").targets, NETWORK.features("calib")
    folds = folds_of(150, 3)
    totals = []
    for precision in GRID[::11]:
        total = 0.0
        for rows in folds:
            others = torch.tensor([n for n in range(150) if n not in rows.tolist()])
            seen = torch.cat([FEATURES, features[others]]), torch.cat([TRAIN, calib[others]])
            logits = predict_laplace(fit_laplace("diag", *seen, HEAD).with_prior_precision(precision), features[rows])
            total += float(nn.functional.cross_entropy(logits[0], calib[rows], reduction="sum"))
        totals.append(total)
    coarse = GRID[::11][totals.index(min(totals))]
    task = Laplace(hessian_structure="diag", prior_precision="cv", folds=3)
    found = cross_validated(task, gauss_newton("diag", FEATURES, TRAIN, HEAD), features, calib, HEAD, None)
    assert abs(math.log(found.prior_precision / coarse)) < math.log(GRID[11] / GRID[0])
    whole = fit_laplace("diag", torch.cat([FEATURES, features]), torch.cat([TRAIN, calib]), HEAD)
    torch.testing.assert_close(found.curvature.eigenvalues(), whole.curvature.eigenvalues())


@pytest.mark.parametrize("structure", ["kron", "full"])
def test_matrices_of_parts_add_up(structure):
    cut = [gauss_newton(structure, FEATURES[rows], TRAIN[rows], HEAD) for rows in torch.arange(150).split(60)]
    found = (cut[0] + cut[1] + cut[2]).decompose().eigenvalues()
    whole = fit_laplace(structure, FEATURES, TRAIN, HEAD).curvature.eigenvalues()
    torch.testing.assert_close(found, whole, atol=1e-4, rtol=1e-5)


def test_folds_hold_every_image_once_and_keep_studies_together():
    studies = [f"s{n // 3}" for n in range(31)]
    folds = folds_of(31, 5, studies)
    assert sorted(torch.cat(folds).tolist()) == list(range(31))
    assert all(
        len({n for n, fold in enumerate(folds) for row in fold if studies[row] == study}) == 1 for study in studies
    )
    assert len(folds_of(3, 5)) == 3


def test_a_head_after_a_hidden_layer_of_64_features_has_every_structure():
    network = PlantedNetwork(images_per_split=60, features_size=64)
    for structure in ("diag", "kron", "full"):
        result = run(Laplace(hessian_structure=structure, prior_precision="cv", folds=2), [network])
        assert load_posterior(result.tensors).curvature.structure == structure
