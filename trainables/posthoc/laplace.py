"""Last-layer Laplace approximation on cached features (MacKay 1992; Daxberger et al. 2021).

The Gauss-Newton matrix (`trainables.posthoc.gauss_newton`) is decomposed once, after which prior precision and predictive are
closed forms: no pass through the network, and neither laplace-torch's grid search, which picks the minimum of a running mean,
nor its marginal likelihood, which computes a determinant of P x P a hundred times.
"""

from __future__ import annotations

from torch import Tensor, nn

from trainables.metrics import evaluate_splits, headline
from trainables.multilabel import AnyPredictions, MultiLabelPredictions
from trainables.posthoc.curvature import Structure
from trainables.posthoc.gauss_newton import GaussNewton, gauss_newton
from trainables.posthoc.interface import PosthocResult, TrainedNetwork, calibration_split, evaluated_splits
from trainables.posthoc.laplace_cost import affordable
from trainables.posthoc.posterior import (
    Posterior,
    laplace_predictions,
    posterior_of,
    posterior_tensors,
    require_bridge,
)
from trainables.posthoc.prior_precision import (
    at_the_end,
    cross_validated,
    grid_precision,
    grid_precisions,
    layerwise_marginal_likelihood_precisions,
    log_marginal_likelihood,
    marginal_likelihood_precision,
)
from trainables.posthoc.stopwatch import Stopwatch
from trainables.spec import Laplace, SplitName, heads_of

FELL_BACK = "train/fell_back_to_kron"


def fit_laplace(structure: Structure, features: Tensor, targets: Tensor, head: nn.Linear) -> Posterior:
    """The posterior around a trained head, with prior precision 1.

    Args:
        structure: `diag`, `kron` or `full`.
        features: penultimate features of the training images, [images, features].
        targets: class numbers [images], or [images, labels] with NaN where a label is unknown.
        head: the last layer, with a bias.

    Raises:
        ValueError: a head without a bias, or one that does not fit the features.
    """
    return posterior_of(head, gauss_newton(structure, features, targets, head).decompose())


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

    Metrics: `<split>/<metric>`, `train/log_marginal_likelihood` (not under `cv`, whose matrix is that of more images), and the
    prior precision under the split that chose it; 1 as `train/fell_back_to_kron` where the full structure did not fit.
    Tensors: the posterior (`load_posterior` reads it). Seconds: fit, prior_precision, predict; import and evaluate apart.

    Raises:
        ValueError: the bridge of a network that predicts several labels, or a network of several heads.
        NotEnoughMemoryError: neither the structure nor the Kronecker one fits.
    """
    require_one_head(task, network)
    watch, head = Stopwatch(), network.head()
    train = network.predictions("train")
    require_bridge(task, train)
    of_labels = isinstance(train, MultiLabelPredictions)
    structure, remarks = affordable(task, head, of_labels=of_labels)
    if not of_labels:
        with watch.stage("import"):  # seconds that the first task of a process pays, whatever its structure
            import laplace  # noqa: F401
    with watch.stage("fit"):
        matrix = gauss_newton(structure, network.features("train"), train.targets, head)
        posterior = None if task.prior_precision == "cv" else posterior_of(head, matrix.decompose())
    with watch.stage("prior_precision"):
        chosen_on: SplitName = "train"
        if task.prior_precision != "marglik":
            chosen_on, about = calibration_split(network.spec.split)
            remarks += about
        posterior = _tuned(task, network, head, matrix, posterior, chosen_on)
        remarks += _end_remarks(task, posterior)
    with watch.stage("predict"):
        members: dict[str, AnyPredictions] = {
            split: laplace_predictions(task, posterior, network.features(split), network.predictions(split))
            for split in evaluated_splits(network.spec.split)
        }
    with watch.stage("evaluate"):
        metrics = evaluate_splits(members.values(), network.classes)
        metrics[f"{chosen_on}/prior_precision"] = posterior.prior_precision
        if posterior.bias_precision is not None:
            metrics[f"{chosen_on}/bias_precision"] = posterior.bias_precision
        if task.prior_precision != "cv":
            metrics["train/log_marginal_likelihood"] = log_marginal_likelihood(posterior, _summed_nll(train))
        if structure != task.hessian_structure:
            metrics[FELL_BACK] = 1.0
    return PosthocResult(
        metrics=metrics,
        predictions=members,
        tensors=posterior_tensors(posterior),
        remarks=remarks,
        seconds=watch.seconds,
    )


def _tuned(
    task: Laplace,
    network: TrainedNetwork,
    head: nn.Linear,
    matrix: GaussNewton,
    posterior: Posterior | None,
    split: SplitName,
) -> Posterior:
    """The posterior under the prior precision that the task asks for; there is none yet where folds are to be made."""
    layerwise = task.prior == "layerwise"
    if posterior is not None and task.prior_precision == "marglik":
        if layerwise:
            return posterior.with_prior_precision(*layerwise_marginal_likelihood_precisions(posterior))
        return posterior.with_prior_precision(marginal_likelihood_precision(posterior))
    features, targets = network.features(split), network.predictions(split).targets
    if posterior is None:
        return cross_validated(task, matrix, features, targets, head, network.studies(split))
    if layerwise:
        return posterior.with_prior_precision(*grid_precisions(posterior, features, targets))
    return posterior.with_prior_precision(grid_precision(posterior, features, targets))


def _end_remarks(task: Laplace, posterior: Posterior) -> tuple[str, ...]:
    """A sentence for the report where a grid was too short."""
    chosen = posterior.prior_precision, posterior.bias_precision
    if task.prior_precision == "marglik" or not at_the_end(chosen):
        return ()
    named = " and ".join(f"{value:g}" for value in chosen if value is not None)
    return (f"{task.name}: the best prior precision, {named}, stands at the end of the grid.",)


def _summed_nll(train: AnyPredictions) -> float:
    """Summed NLL in nats, of labels over the known entries; 0 where none is known."""
    entries = int(train.known().sum()) if isinstance(train, MultiLabelPredictions) else len(train)
    return entries * (headline(train)["nll"] or 0.0)
