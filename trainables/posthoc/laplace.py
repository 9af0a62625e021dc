"""Last-layer Laplace approximation on cached features (MacKay 1992; Daxberger et al. 2021).

laplace-torch computes the Gauss-Newton matrix; it is decomposed once, after which prior precision and predictive are
closed forms (`trainables.posthoc.posterior`): no pass through the network, and neither the library's grid search, which
picks the minimum of a running mean, nor its marginal likelihood, which computes a determinant of P x P a hundred times.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from trainables.metrics import evaluate_splits, negative_log_likelihood
from trainables.posthoc.curvature import Curvature, DiagCurvature, FullCurvature, KronCurvature, Structure, eigen
from trainables.posthoc.interface import (
    PosthocResult,
    TrainedNetwork,
    calibration_split,
    class_predictions,
    evaluated_splits,
)
from trainables.posthoc.memory import NotEnoughMemoryError, available_bytes
from trainables.posthoc.posterior import (
    GRID,
    Posterior,
    grid_precision,
    laplace_predictions,
    log_marginal_likelihood,
    marginal_likelihood_precision,
    posterior_of,
    posterior_tensors,
)
from trainables.posthoc.stopwatch import Stopwatch
from trainables.predictions import Predictions
from trainables.spec import Laplace, heads_of

# peak of fit and decomposition, measured at P = 3,204: 6.1 to 6.4 matrices of doubles
FULL_MATRICES = 7
BATCH_BYTES = 2**27


def fit_laplace(structure: Structure, features: Tensor, targets: Tensor, head: nn.Linear) -> Posterior:
    """The posterior around a trained head, with prior precision 1.

    Args:
        structure: `diag`, `kron` or `full`.
        features: penultimate features of the training images, [images, features].
        targets: [images].
        head: the last layer, with a bias.

    Raises:
        ValueError: a head without a bias, or one that does not fit the features.
    """
    _require_fitting_head(features, head)
    library = _fit_library(structure, features, targets, head)
    return posterior_of(head, DECOMPOSITIONS[structure](library, head))


def full_bytes(head: nn.Linear) -> int:
    """Bytes that the full structure takes at its peak: seven matrices of P x P doubles, P the parameters of the head."""
    return FULL_MATRICES * 8 * _parameters(head) ** 2


def require_memory(task: Laplace, head: nn.Linear) -> None:
    """Refuse the full structure before anything is allocated where it would not fit.

    Raises:
        NotEnoughMemoryError: with the predicted bytes and the way out.
    """
    if task.hessian_structure != "full":
        return
    needed, available = full_bytes(head), available_bytes()
    if needed <= min(task.memory_bytes, available):
        return
    limit = f"memory_bytes allows {task.memory_bytes:,}" if needed > task.memory_bytes else f"{available:,} are free"
    raise NotEnoughMemoryError(
        f"{task.name}: the full structure of a head of {head.in_features} features and {head.out_features} classes needs "
        f"about {needed:,} bytes ({FULL_MATRICES} matrices of {_parameters(head):,} x {_parameters(head):,} doubles), and "
        f"{limit}. Use hessian_structure 'kron', or raise memory_bytes on a machine that has it."
    )


def require_one_head(task: Laplace, network: TrainedNetwork) -> None:
    """Refuse a network of several heads: each is trained on its own targets, and the library knows a single likelihood.

    Raises:
        ValueError: a MIMO network of more than one member.
    """
    heads = heads_of(network.spec.model)
    if heads > 1:
        raise ValueError(
            f"The task {task.name!r} is defined for one head, and {network.key} is a MIMO network of {heads}. Take it out of "
            "the sweep's posthoc; evaluation, temperature, aopc and ensembles work. Or set model/members to 1."
        )


def run(task: Laplace, network: TrainedNetwork) -> PosthocResult:
    """Fit on train, choose the prior precision, predict val, calib and test.

    Metrics: `<split>/<metric>`, `train/log_marginal_likelihood`, and the prior precision under the split that chose it.
    Tensors: the posterior (`load_posterior` reads it). Seconds: fit, prior_precision, predict; import and evaluate apart.

    Raises:
        ValueError: the network predicts several labels an image, or has several heads.
        NotEnoughMemoryError: the full structure does not fit.
    """
    require_one_head(task, network)
    watch, head = Stopwatch(), network.head()
    require_memory(task, head)
    train = class_predictions(task, network, "train")
    with watch.stage("import"):  # seconds that the first task of a process pays, whatever its structure
        import laplace  # noqa: F401
    with watch.stage("fit"):
        posterior = fit_laplace(task.hessian_structure, network.features("train"), train.targets, head)
    with watch.stage("prior_precision"):
        posterior, chosen_on, remarks = _tune(task, network, posterior)
    with watch.stage("predict"):
        samples = task.samples if task.predictive == "mc" else None
        splits = evaluated_splits(network.spec.split)
        members: dict[str, Predictions] = {
            split: laplace_predictions(
                posterior, network.features(split), class_predictions(task, network, split), samples=samples
            )
            for split in splits
        }
    with watch.stage("evaluate"):
        train_nll = len(train) * negative_log_likelihood(train.pooled_log_probs(), train.targets)
        metrics = evaluate_splits(members.values(), network.classes) | {
            f"{chosen_on}/prior_precision": posterior.prior_precision,
            "train/log_marginal_likelihood": log_marginal_likelihood(posterior, train_nll),
        }
    return PosthocResult(
        metrics=metrics,
        predictions=members,
        tensors=posterior_tensors(posterior),
        remarks=remarks,
        seconds=watch.seconds,
    )


def _tune(task: Laplace, network: TrainedNetwork, posterior: Posterior) -> tuple[Posterior, str, tuple[str, ...]]:
    if task.prior_precision == "marglik":
        return posterior.with_prior_precision(marginal_likelihood_precision(posterior)), "train", ()
    split, remarks = calibration_split(network.spec.split)
    best = grid_precision(posterior, network.features(split), network.predictions(split).targets)
    if best in (GRID[0], GRID[-1]):
        remarks += (f"{task.name}: the best prior precision, {best:g}, stands at the end of the grid.",)
    return posterior.with_prior_precision(best), split, remarks


def _fit_library(structure: Structure, features: Tensor, targets: Tensor, head: nn.Linear) -> Any:
    # the import takes 8 to 15 s, so only those who fit pay for it
    from laplace import Laplace as FitLaplace

    # its full matrix is single precision whatever the model is, and four times slower to compute in double
    dtype = torch.float32 if structure == "full" else torch.float64
    model = nn.Sequential(nn.Identity(), deepcopy(head).cpu().to(dtype).requires_grad_(True))
    library = FitLaplace(
        model,
        "classification",
        subset_of_weights="last_layer",
        hessian_structure=structure,
        # found automatically, the layer would be remembered together with the first batch of images
        last_layer_name="1",
    )
    rows = max(1, min(1024, BATCH_BYTES // (8 * head.out_features * _parameters(head))))
    library.fit(DataLoader(TensorDataset(features.cpu().to(dtype), targets.cpu()), batch_size=rows))
    return library


def _diag(library: Any, head: nn.Linear) -> Curvature:
    values, cut = library.H.detach().double(), head.weight.numel()
    return DiagCurvature(weight_values=values[:cut].reshape(head.weight.shape), bias_values=values[cut:])


def _kron(library: Any, head: nn.Linear) -> Curvature:
    (by_class, by_feature), (by_bias,) = library.H_facs.kfacs
    class_vectors, class_values = eigen(by_class)
    feature_vectors, feature_values = eigen(by_feature)
    bias_vectors, bias_values = eigen(by_bias)
    return KronCurvature(
        class_vectors=class_vectors,
        class_values=class_values,
        feature_vectors=feature_vectors,
        feature_values=feature_values,
        bias_vectors=bias_vectors,
        bias_values=bias_values,
    )


def _full(library: Any, head: nn.Linear) -> Curvature:
    vectors, values = eigen(library.H)
    return FullCurvature(vectors=vectors, values=values)


DECOMPOSITIONS: dict[str, Callable[[Any, nn.Linear], Curvature]] = {"diag": _diag, "kron": _kron, "full": _full}


def _parameters(head: nn.Linear) -> int:
    return head.out_features * (head.in_features + 1)


def _require_fitting_head(features: Tensor, head: nn.Linear) -> None:
    if head.bias is None:
        raise ValueError("fit_laplace() was given a head without a bias. Build the last layer with bias=True.")
    if features.ndim != 2 or features.shape[1] != head.in_features:
        raise ValueError(
            f"fit_laplace() was given features of shape {tuple(features.shape)} and a head that takes "
            f"{head.in_features}. Pass the penultimate features of this network, [images, {head.in_features}]."
        )
