"""Scores by which foreign images stand out, and how well they do: the larger, the stranger."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from trainables.metrics.detection import detection
from trainables.metrics.uncertainty import mutual_information, predictive_entropy
from trainables.multilabel import AnyPredictions, MultiLabelPredictions


def doubt(predictions: AnyPredictions) -> dict[str, Tensor]:
    """Scores of every image, [images] each; no truth is read.

    - `entropy`: of the pooled prediction (of labels, their sum).
    - `confidence`: the negative largest probability (Hendrycks and Gimpel 2017); of labels, the negative mean over the
      labels of the larger of p and 1 - p.
    - `mutual_information`: where there are several members.
    """
    if isinstance(predictions, MultiLabelPredictions):
        confidence = predictions.pooled_log_odds().abs().sigmoid().mean(1)
    else:
        confidence = predictions.pooled_log_probs().max(1).values.exp()
    scores = {"entropy": predictive_entropy(predictions), "confidence": -confidence}
    return scores | ({"mutual_information": mutual_information(predictions)} if predictions.members > 1 else {})


def foreign_metrics(foreign: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, float | None]:
    """`ood_auroc_<score>` and `ood_fpr95_<score>` of every score: foreign images are to be found among one's own.

    Args:
        foreign: scores of `doubt`, [images] each.
        own: the same scores of images of the kind that the network knows.
    """
    found: dict[str, float | None] = {}
    for name, scores in foreign.items():
        rates = detection(scores, own[name])
        found |= {f"ood_{rate}_{name}": value for rate, value in rates.items()}
    return found
