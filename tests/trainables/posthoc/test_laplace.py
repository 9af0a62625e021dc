"""The Laplace task and its posterior, against laplace-torch itself, closed forms and brute force."""

import warnings

import pytest
import torch
from laplace import Laplace as Library
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tests.trainables.planted import PlantedNetwork, predictions
from trainables.metrics import headline
from trainables.models.classifier import Classifier
from trainables.posthoc import run
from trainables.posthoc.laplace import fit_laplace
from trainables.posthoc.posterior import load_posterior, posterior_tensors, predict_laplace, sample_heads
from trainables.posthoc.prior_precision import (
    GRID,
    grid_nll,
    grid_precision,
    log_marginal_likelihood,
    marginal_likelihood_precision,
)
from trainables.spec import Laplace, Split

STRUCTURES = ("diag", "kron", "full")
NETWORK = PlantedNetwork(images_per_split=150)


def library(structure, model=None, inputs=None, name="1"):
    model = model or nn.Sequential(nn.Identity(), NETWORK.head().double())
    inputs = NETWORK.features("train").double() if inputs is None else inputs
    fitted = Library(
        model, "classification", subset_of_weights="last_layer", hessian_structure=structure, last_layer_name=name
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted.fit(DataLoader(TensorDataset(inputs, NETWORK.predictions("train").targets), batch_size=64))
    return fitted


@pytest.fixture(scope="module", params=STRUCTURES)
def pair(request):
    train = NETWORK.predictions("train")
    ours = fit_laplace(request.param, NETWORK.features("train"), train.targets, NETWORK.head())
    return ours, library(request.param)


def probabilities(posterior, features, **options):
    return torch.softmax(predict_laplace(posterior, features, **options), dim=-1).mean(dim=0)


def brute_force(structure, features, head):
    """The Gauss-Newton matrix by a loop over images, [P, P]; of the Kronecker kind if asked for."""
    rows = features.double()
    eye = torch.eye(head.out_features, dtype=torch.float64)
    total = torch.zeros(2 * (head.out_features * (head.in_features + 1),), dtype=torch.float64)
    by_class = torch.zeros_like(eye)
    for row in rows:
        p = torch.softmax(head.double()(row), -1).detach()
        inner = torch.diag(p) - torch.outer(p, p)
        jacobian = torch.cat([torch.kron(eye, row[None]), eye], dim=1)
        total += jacobian.T @ inner @ jacobian
        by_class += inner
    if structure == "kron":
        return torch.block_diag(torch.kron(by_class, rows.T @ rows / len(rows)), by_class)
    return torch.diag(total.diagonal()) if structure == "diag" else total


def test_the_curvature_agrees_with_a_loop_over_the_images(pair):
    ours, _ = pair
    expected = torch.linalg.eigvalsh(brute_force(ours.curvature.structure, NETWORK.features("train"), NETWORK.head()))
    torch.testing.assert_close(ours.curvature.eigenvalues().sort().values, expected, atol=2e-5, rtol=1e-6)


@pytest.mark.parametrize("precision", [0.01, 1.0, 300.0])
def test_the_probit_predictive_agrees_with_the_library(pair, precision):
    ours, theirs = pair
    theirs.prior_precision = torch.tensor([precision], dtype=torch.float64)
    features = NETWORK.features("test")
    difference = probabilities(ours.with_prior_precision(precision), features) - theirs(features.double())
    assert difference.abs().max() < 1e-5


def test_sampled_heads_agree_with_the_library_on_average(pair):
    ours, theirs = pair
    theirs.prior_precision = torch.tensor([1.0], dtype=torch.float64)
    features = NETWORK.features("test")[:40]
    theirs_mean = theirs(features.double(), link_approx="mc", n_samples=20_000)
    difference = probabilities(ours, features, samples=4_000) - theirs_mean
    assert difference.abs().max() < 0.03


def test_features_give_the_same_predictive_as_images():
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 6, 3, stride=2), nn.ReLU())
    pooling = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = Classifier(backbone=backbone, pooling=pooling, head=nn.Linear(6, 4)).eval()
    images, others = torch.rand(150, 1, 16, 16), torch.rand(30, 1, 16, 16)
    targets = NETWORK.predictions("train").targets
    with torch.no_grad():
        features, other_features = network.features(images), network.features(others)
    for structure in STRUCTURES:
        on_images = library(structure, network, images, name="head")
        on_features = fit_laplace(structure, features, targets, network.head)
        for precision in (0.1, 10.0):
            on_images.prior_precision = torch.tensor([precision])
            ours = probabilities(on_features.with_prior_precision(precision), other_features)
            assert (ours - on_images(others)).abs().max() < 1e-4


def test_the_marginal_likelihood_agrees_with_the_library_and_ours_is_no_smaller(pair):
    ours, theirs = pair
    train = NETWORK.predictions("train")
    nll = len(train) * headline(train)["nll"]
    for precision in (0.05, 1.0, 20.0):
        expected = float(theirs.log_marginal_likelihood(torch.tensor([precision], dtype=torch.float64)))
        assert log_marginal_likelihood(ours.with_prior_precision(precision), nll) == pytest.approx(expected, abs=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.optimize_prior_precision(method="marglik", pred_type="glm", n_steps=300)
    best = marginal_likelihood_precision(ours)
    assert best == pytest.approx(float(theirs.prior_precision), rel=1e-2)
    values = [log_marginal_likelihood(ours.with_prior_precision(best * f), nll) for f in (0.99, 1.0, 1.01)]
    assert values[1] == max(values)


def test_the_grid_agrees_with_one_posterior_after_another(pair):
    ours, theirs = pair
    calib, features = NETWORK.predictions("calib"), NETWORK.features("calib")
    grid = torch.tensor(GRID[25::33], dtype=torch.float64)
    slow = []
    for precision in grid:
        theirs.prior_precision = precision
        slow.append(float(nn.functional.nll_loss(theirs(features.double()).log(), calib.targets)))
    torch.testing.assert_close(
        grid_nll(ours, features, calib.targets, grid), torch.tensor(slow).double(), atol=1e-5, rtol=0
    )


def test_the_grid_finds_the_same_value_as_the_library_with_a_loss_of_its_own(pair):
    ours, theirs = pair
    calib, features = NETWORK.predictions("calib"), NETWORK.features("calib")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.optimize_prior_precision(
            method="gridsearch",
            pred_type="glm",
            val_loader=DataLoader(TensorDataset(features.double(), calib.targets), batch_size=64),
            loss=lambda p, y: nn.functional.nll_loss(p.log(), y),
        )
    assert grid_precision(ours, features, calib.targets) == pytest.approx(float(theirs.prior_precision), rel=1e-4)


def test_rows_of_the_grid_are_cut_without_a_change(pair, monkeypatch):
    ours, _ = pair
    features, targets = NETWORK.features("calib"), NETWORK.predictions("calib").targets
    grid = torch.tensor([0.1, 10.0], dtype=torch.float64)
    whole = grid_nll(ours, features, targets, grid), predict_laplace(ours, features)
    for module in ("posterior", "prior_precision"):
        monkeypatch.setattr(f"trainables.posthoc.{module}.ROWS", 7)
    torch.testing.assert_close(grid_nll(ours, features, targets, grid), whole[0])
    torch.testing.assert_close(predict_laplace(ours, features), whole[1])


def test_a_sharp_prior_gives_back_the_network(pair):
    ours, _ = pair
    logits = predict_laplace(ours.with_prior_precision(1e12), NETWORK.features("test"))
    torch.testing.assert_close(logits.float(), NETWORK.predictions("test").logits, atol=1e-4, rtol=1e-4)


def test_a_stored_posterior_predicts_the_same(pair, tmp_path):
    ours, _ = pair
    save_file({name: part.contiguous() for name, part in posterior_tensors(ours).items()}, tmp_path / "posterior")
    back = load_posterior(load_file(tmp_path / "posterior"))
    for options in ({}, {"samples": 3}):
        features = NETWORK.features("test")
        assert torch.equal(predict_laplace(back, features, **options), predict_laplace(ours, features, **options))


def test_a_sampled_member_is_the_same_network_for_all_images(pair):
    ours, _ = pair
    weights, biases = sample_heads(ours, 5, seed=3)
    features = NETWORK.features("test")
    whole = predict_laplace(ours, features, samples=5, seed=3)
    torch.testing.assert_close(whole[2], features.double() @ weights[2].T + biases[2])
    torch.testing.assert_close(predict_laplace(ours, features[10:20], samples=5, seed=3), whole[:, 10:20])


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("method", ["marglik", "grid"])
def test_the_task_reports_metrics_posterior_and_seconds(structure, method):
    result = run(Laplace(hessian_structure=structure, prior_precision=method), [NETWORK])
    chosen_on = "train" if method == "marglik" else "calib"
    precision = result.metrics[f"{chosen_on}/prior_precision"]
    posterior = load_posterior(result.tensors)
    assert posterior.prior_precision == precision
    again = predict_laplace(posterior, NETWORK.features("test"))
    torch.testing.assert_close(again, result.predictions["test"].logits)
    assert result.metrics["test/nll"] == headline(result.predictions["test"])["nll"]
    assert result.predictions["val"].image_ids == NETWORK.predictions("val").image_ids
    assert list(result.seconds) == ["import", "fit", "prior_precision", "predict", "evaluate"]


def test_samples_come_as_members():
    result = run(Laplace(hessian_structure="diag", predictive="mc", samples=12), [NETWORK])
    assert result.predictions["test"].members == 12


def test_an_overconfident_network_is_helped_by_a_prior_chosen_on_calib():
    network = PlantedNetwork(overconfidence=5.0, images_per_split=400)
    result = run(Laplace(prior_precision="grid"), [network])
    assert result.metrics["calib/nll"] < headline(network.predictions("calib"))["nll"]
    assert result.metrics["test/nll"] < headline(network.predictions("test"))["nll"]


def test_without_a_calib_split_the_grid_uses_val_and_says_so():
    network = PlantedNetwork(split_spec=Split(calib=0.0))
    result = run(Laplace(hessian_structure="diag", prior_precision="grid"), [network])
    assert "val/prior_precision" in result.metrics
    assert "no calib split" in result.remarks[0]


@pytest.mark.parametrize(
    ("head", "message"), [(nn.Linear(6, 4, bias=False), "without a bias"), (nn.Linear(7, 4), r"\[images, 7\]")]
)
def test_a_head_that_does_not_fit_is_refused(head, message):
    with pytest.raises(ValueError, match=message):
        fit_laplace("diag", NETWORK.features("train"), predictions(images=150).targets, head)
