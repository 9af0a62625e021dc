"""Calibrators beside one temperature: fitted on calib, from stored logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from trainables.image_predictions import ImagePredictions, Kind
from trainables.metrics import class_names, evaluate_splits
from trainables.multilabel import AnyPredictions, MultiLabelPredictions
from trainables.posthoc.calibrators.columns import fit_columns, mapped, normalised, one_against_rest
from trainables.posthoc.calibrators.interface import Affine, LogOddsMap
from trainables.posthoc.calibrators.linear import LIGHT, Linear, chosen_regularisation, fit_linear
from trainables.posthoc.calibrators.remarks import column_remarks, linear_remarks
from trainables.posthoc.interface import PosthocResult, TrainedNetwork, calibration_split, evaluated_splits
from trainables.posthoc.stopwatch import Stopwatch
from trainables.posthoc.temperature import known_remarks, require_calibration_split, scores
from trainables.predictions import LEAST_LOG_PROB
from trainables.spec import Calibration
from trainables.spec.calibration import OF_CLASSES, OF_LABELS


@dataclass(frozen=True, kw_only=True, eq=False)
class ColumnCalibrator:
    """A map a label, or a map a class against the rest.

    Attributes:
        maps: in the order of the logits.
    """

    maps: tuple[LogOddsMap, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearCalibrator:
    """W z + b of all classes.

    Attributes:
        map: W and b.
        of_log_probs: whether z is the logarithm of the probabilities (Dirichlet) and not the logits.
    """

    map: Linear
    of_log_probs: bool


Calibrator: TypeAlias = ColumnCalibrator | LinearCalibrator


def fit_calibration(task: Calibration, predictions: AnyPredictions) -> Calibrator:
    """Fit a calibrator; several members are pooled first.

    Of labels every method works on one label at a time, over its known entries. Of classes `vector`, `matrix` and
    `dirichlet` work on all of them together, the others on one class against the rest.

    Args:
        task: method and settings.
        predictions: on 'calib', or on 'val' where the data set is too small for a calib split.

    Raises:
        ValueError: predictions on another split, or a method that is not defined for them.
    """
    require_calibration_split(predictions, "fit_calibration()")
    if isinstance(predictions, MultiLabelPredictions):
        _refuse(task, OF_CLASSES, "one class an image, and a label's logit stands alone. Use 'platt'")
        return ColumnCalibrator(maps=fit_columns(task, scores(predictions), predictions.targets))
    _refuse(
        task,
        OF_LABELS,
        "labels that do not exclude each other; a temperature for every class is vector scaling without intercepts. "
        "Use 'vector', or Temperature() for one temperature",
    )
    truth = functional.one_hot(predictions.targets, predictions.classes).double()
    if task.method not in ("vector", "matrix", "dirichlet"):
        return ColumnCalibrator(maps=fit_columns(task, _one_against_rest(predictions), truth))
    inputs = _inputs(predictions, of_log_probs=task.method == "dirichlet")
    weight = task.regularisation
    if weight is None:
        is_vector = task.method == "vector"
        weight = LIGHT if is_vector else chosen_regularisation(inputs, truth, predictions.image_ids)
    fitted = fit_linear(inputs, truth, regularisation=weight, diagonal=task.method == "vector")
    return LinearCalibrator(map=fitted, of_log_probs=task.method == "dirichlet")


def apply_calibration(predictions: Kind, calibrator: Calibrator) -> Kind:
    """The same images under the calibrated logits, as one member; several members are pooled first."""
    if isinstance(calibrator, LinearCalibrator):
        logits = calibrator.map(_inputs(predictions, of_log_probs=calibrator.of_log_probs))
        return predictions.with_logits(torch.log_softmax(logits, dim=1).clamp_min(LEAST_LOG_PROB)[None])
    if isinstance(predictions, MultiLabelPredictions):
        return predictions.with_logits(mapped(calibrator.maps, scores(predictions))[None])
    return predictions.with_logits(normalised(mapped(calibrator.maps, _one_against_rest(predictions)))[None])


def run(task: Calibration, network: TrainedNetwork) -> PosthocResult:
    """Fit on calib; metrics and calibrated predictions of val, calib and test; what was fitted as tensors."""
    watch = Stopwatch()
    split, remarks = calibration_split(network.spec.split)
    with watch.stage("fit"):
        fitted_on = network.predictions(split)
        calibrator = fit_calibration(task, fitted_on)
    with watch.stage("evaluate"):
        calibrated: dict[str, AnyPredictions] = {
            name: apply_calibration(network.predictions(name), calibrator)
            for name in evaluated_splits(network.spec.split)
        }
        metrics = evaluate_splits(calibrated.values(), network.classes)
    return PosthocResult(
        metrics={**metrics, **fitted_numbers(task, calibrator, network.classes)},
        predictions=calibrated,
        tensors=fitted_tensors(calibrator),
        remarks=(*remarks, *_remarks(task, fitted_on, network.classes)),
        seconds=watch.seconds,
    )


def fitted_numbers(task: Calibration, calibrator: Calibrator, classes: Sequence[str]) -> dict[str, float | None]:
    """What is worth a line of a table, named like metrics: `calib/temperature/<label>`, `calib/slope/<label>`, ..."""
    if isinstance(calibrator, LinearCalibrator):
        return {"calib/regularisation": calibrator.map.regularisation}
    found: dict[str, float | None] = {}
    for name, each in zip(class_names(classes), calibrator.maps, strict=True):
        if isinstance(each, Affine) and task.method == "temperature_per_label":
            found[f"calib/temperature/{name}"] = 1 / each.slope
        elif isinstance(each, Affine) and task.method == "platt":
            found |= {f"calib/slope/{name}": each.slope, f"calib/intercept/{name}": each.intercept}
    return found


def fitted_tensors(calibrator: Calibrator) -> dict[str, Tensor]:
    """Everything that was fitted: `weights` and `intercepts`, or by label or class `slope/0`, `edges/3`, ..."""
    if isinstance(calibrator, LinearCalibrator):
        return {"weights": calibrator.map.weights, "intercepts": calibrator.map.intercepts}
    maps = enumerate(calibrator.maps)
    return {f"{name}/{n}": tensor.clone() for n, each in maps for name, tensor in each.parameters().items()}


def _one_against_rest(predictions: ImagePredictions) -> Tensor:
    return one_against_rest(_inputs(predictions, of_log_probs=True))


def _inputs(predictions: ImagePredictions, *, of_log_probs: bool) -> Tensor:
    logits = scores(predictions)
    return torch.log_softmax(logits, dim=1).clamp_min(LEAST_LOG_PROB) if of_log_probs else logits


def _refuse(task: Calibration, methods: Sequence[str], why: str) -> None:
    if task.method in methods:
        raise ValueError(f"The calibration method {task.method!r} is defined for {why}.")


def _remarks(task: Calibration, predictions: AnyPredictions, names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(predictions, MultiLabelPredictions):
        return known_remarks(predictions) or column_remarks(task, predictions.targets, names, predictions.split)
    truth = functional.one_hot(predictions.targets, predictions.classes)
    if task.method in ("vector", "matrix", "dirichlet"):
        return linear_remarks(task, truth.sum(0).tolist(), names, predictions.split)
    return column_remarks(task, truth.double(), names, predictions.split)
