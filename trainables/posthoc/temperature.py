"""Temperature scaling: one number that makes a classifier's confidence match its accuracy (Guo et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainables.image_predictions import ImagePredictions, Kind
from trainables.metrics import evaluate_splits, headline, negative_log_likelihood, prefixed
from trainables.metrics.multilabel import entry_losses
from trainables.multilabel import AnyPredictions, MultiLabelPredictions
from trainables.posthoc.interface import PosthocResult, TrainedNetwork, calibration_split, evaluated_splits
from trainables.posthoc.stopwatch import Stopwatch
from trainables.predictions import LEAST_LOG_PROB, pool
from trainables.spec import Temperature

SMALLEST, LARGEST = 0.05, 20.0
TEMPERATURE = "calib/temperature"


def fit_temperature(predictions: AnyPredictions) -> float:
    """The T in [0.05, 20] that minimises the NLL of softmax(z / T).

    With b = 1 / T the NLL is convex, its slope is mean(E_p[z] - z_target) with p = softmax(b z) and its curvature
    mean(Var_p[z]); a Newton iteration kept inside a shrinking bracket finds the zero of the slope. Several members are
    pooled first: z is then the logarithm of their mean probability.

    Of labels the same holds with the NLL of sigmoid(z / T) over the known entries: a label is two classes with the logits 0
    and z, the log odds of the mean probability.

    Args:
        predictions: on 'calib', or on 'val' where the data set is too small for a calib split.

    Returns:
        T, exactly 1.0 where no other value has a lower NLL, or no label is known.

    Raises:
        ValueError: predictions on another split.
    """
    require_calibration_split(predictions)
    if isinstance(predictions, MultiLabelPredictions):
        return _fit_labels(predictions)
    logits, targets = scores(predictions), predictions.targets
    inverse = _minimise(logits - logits.gather(1, targets[:, None]))
    return 1.0 / inverse if _nll(logits * inverse, targets) < _nll(logits, targets) else 1.0


def apply_temperature(predictions: Kind, temperature: float) -> Kind:
    """The same images under softmax(z / T) or sigmoid(z / T), as one member; several members are pooled first.

    Raises:
        ValueError: a temperature that is not above 0.
    """
    if not temperature > 0:
        raise ValueError(
            f"apply_temperature() was given {temperature}; a temperature is above 0. Use fit_temperature()."
        )
    return predictions.with_logits(scores(predictions)[None] / temperature)


def temperature_metrics(
    val: AnyPredictions, calib: AnyPredictions, classes: Sequence[str] | None = None
) -> dict[str, float | None]:
    """The headline on val after a temperature fitted on calib, for the report of an epoch.

    Returns:
        `temperature/val/nll` and the rest of the headline, and `temperature/calib/temperature`. With class names the
        metrics by class too.
    """
    temperature = fit_temperature(calib)
    calibrated = apply_temperature(val, temperature)
    metrics = prefixed(val.split, headline(calibrated)) if classes is None else evaluate_splits([calibrated], classes)
    return prefixed("temperature", {**metrics, TEMPERATURE: temperature})


def run(task: Temperature, network: TrainedNetwork) -> PosthocResult:
    """Fit on calib; metrics and calibrated predictions of val, calib and test; T itself as `calib/temperature`."""
    watch = Stopwatch()
    split, remarks = calibration_split(network.spec.split)
    with watch.stage("fit"):
        fitted_on = network.predictions(split)
        temperature = fit_temperature(fitted_on)
    with watch.stage("evaluate"):
        splits = evaluated_splits(network.spec.split)
        calibrated: dict[str, AnyPredictions] = {
            name: apply_temperature(network.predictions(name), temperature) for name in splits
        }
        metrics = {**evaluate_splits(calibrated.values(), network.classes), TEMPERATURE: temperature}
    return PosthocResult(
        metrics=metrics,
        predictions=calibrated,
        tensors={"temperature": torch.tensor(temperature, dtype=torch.float64)},
        remarks=remarks + known_remarks(fitted_on) + range_remarks(temperature),
        seconds=watch.seconds,
    )


def scores(predictions: ImagePredictions) -> Tensor:
    """What is divided by the temperature: the only member's logits, or the pooled log probabilities or log odds."""
    if isinstance(predictions, MultiLabelPredictions):
        return predictions.pooled_log_odds()
    return scores_of(predictions.logits)


def scores_of(logits: Tensor) -> Tensor:
    """The same from logits [members, images, classes], for images whose truth nobody knows."""
    if len(logits) == 1:
        return logits[0].double()
    return pool(torch.log_softmax(logits.double(), dim=-1)).clamp_min(LEAST_LOG_PROB)


def range_remarks(temperature: float) -> tuple[str, ...]:
    """A sentence for the report where the temperature stands at the end of its range."""
    if SMALLEST * 1.001 < temperature < LARGEST * 0.999:
        return ()
    return (f"The temperature {temperature:g} stands at the end of its range: the calibration split says too little.",)


def known_remarks(predictions: AnyPredictions) -> tuple[str, ...]:
    """A sentence for the report where the calibration split knows no label, so that nothing can be fitted on it."""
    if isinstance(predictions, MultiLabelPredictions) and not predictions.known().any():
        return (
            f"No label of {predictions.split} is known, so the temperature stays at 1: nothing could be calibrated.",
        )
    return ()


def _fit_labels(predictions: MultiLabelPredictions) -> float:
    known = predictions.known()
    return entries_temperature(predictions.pooled_log_odds()[known], predictions.targets.double()[known])


def entries_temperature(log_odds: Tensor, targets: Tensor) -> float:
    """The T of labels' log odds and targets, [entries] each in double precision; 1.0 where there are none."""
    if not len(targets):
        return 1.0
    as_classes = torch.stack([torch.zeros_like(log_odds), log_odds], dim=1)
    inverse = _minimise(as_classes - (targets * log_odds)[:, None])
    losses = [entry_losses(log_odds * scale, targets).mean() for scale in (inverse, 1.0)]
    return 1.0 / inverse if losses[0] < losses[1] else 1.0


def require_calibration_split(predictions: AnyPredictions, caller: str = "fit_temperature()") -> None:
    """Refuse predictions that calibration must not be fitted on.

    Raises:
        ValueError: predictions on another split than calib or val.
    """
    if predictions.split in ("calib", "val"):
        return
    why = {
        "test": "so the calibration error it reports there would be optimistic",
        "train": "where a network is surer than it is on new images",
    }.get(predictions.split, "which calibration must not see")
    raise ValueError(
        f"{caller} was given the {predictions.split} split, {why}. Pass predictions on 'calib' "
        "(see split/calib in the trial's specification)."
    )


def _minimise(margins: Tensor) -> float:
    """The inverse temperature at which the NLL of margins z - z_target, [images, classes], is smallest.

    Of a target that is a distribution, z_target is the mean of z under it.
    """
    low, high, inverse = 1 / LARGEST, 1 / SMALLEST, 1.0
    if _slope(margins, low)[0] >= 0:
        return low
    if _slope(margins, high)[0] <= 0:
        return high
    for _ in range(100):
        slope, curvature = _slope(margins, inverse)
        low, high = (inverse, high) if slope < 0 else (low, inverse)
        newton = inverse - slope / curvature if curvature > 0 else low
        step = newton if low < newton < high else (low * high) ** 0.5
        if abs(step - inverse) <= 1e-12 * inverse:
            break
        inverse = step
    return inverse


def _slope(margins: Tensor, inverse: float) -> tuple[float, float]:
    probabilities = torch.softmax(margins * inverse, dim=1)
    mean = (probabilities * margins).sum(dim=1)
    variance = (probabilities * (margins - mean[:, None]).square()).sum(dim=1)
    return float(mean.mean()), float(variance.mean())


def _nll(logits: Tensor, targets: Tensor) -> float:
    return negative_log_likelihood(torch.log_softmax(logits, dim=1), targets)
