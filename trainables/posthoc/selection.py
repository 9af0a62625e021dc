"""Which networks of a library pool best: forward selection on val (Caruana et al. 2004), with or without diversity."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from trainables.metrics import mean_defined, negative_log_likelihood
from trainables.metrics.classification import accuracy, auroc
from trainables.metrics.classification import outcomes as counted
from trainables.metrics.multilabel import label_headline
from trainables.metrics.uncertainty import entropy_of
from trainables.multilabel import AnyPredictions, MultiLabelPredictions
from trainables.posthoc.pooling import from_outcomes, outcomes
from trainables.predictions import require_same_images

ROUNDING = 1e-12

Metric: TypeAlias = Literal["nll", "accuracy", "auroc"]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What was picked, in order.

    Attributes:
        picks: places of the picked candidates, with repetitions.
        values: the metric on val after each pick.
        diversity: mean mutual information on val after each pick, in nats; 0 where it was not asked for.
        kept: so many first picks are the ensemble.
    """

    picks: tuple[int, ...]
    values: tuple[float, ...]
    diversity: tuple[float, ...]
    kept: int

    @property
    def counts(self) -> Mapping[int, int]:
        """How often each place is in the ensemble."""
        return Counter(self.picks[: self.kept])


class Library:
    """Candidates' predictions on val: [candidates, images, ...] log probabilities in double precision, kept in memory.

    Args:
        predictions: on val, one a candidate.
        metric: what is selected by; AUROC is the mean over the classes or labels where it is defined.

    Raises:
        ValueError: no candidate, other images among them, or no known label.
    """

    def __init__(self, predictions: Sequence[AnyPredictions], metric: Metric) -> None:
        if not predictions:
            raise ValueError(
                "A selection needs a candidate. Wait for the trainings, then pass at least one prediction."
            )
        for other in predictions[1:]:
            require_same_images(predictions[0], other)
        self.metric = metric
        self._outcomes = torch.stack([outcomes(each) for each in predictions])
        self._like = from_outcomes(predictions[0], self._outcomes[0])
        self._true, self._weights = _of_truth(self._like, self._outcomes)
        if not len(self._weights):
            raise ValueError("No label of val is known, so no ensemble can be selected on it. Use members='top'.")
        self._entropies = entropy_of(self._outcomes).flatten(1).mean(1) * _labels(self._like)

    def __len__(self) -> int:
        return len(self._outcomes)

    def losses(self, picks: Sequence[int]) -> Tensor:
        """What is minimised, if each candidate [candidates] joined the picks: the NLL, or 1 - accuracy or AUROC."""
        if self.metric == "nll":
            together = torch.logaddexp(self._log_sum(self._true, picks), self._true) - math.log(len(picks) + 1)
            return -(self._weights * together).sum(-1).mean(-1)
        running = self._log_sum(self._outcomes, picks)
        return torch.stack([self._loss(torch.logaddexp(running, each)) for each in self._outcomes])

    def diversities(self, picks: Sequence[int]) -> Tensor:
        """Mean mutual information of the picks and each candidate [candidates], in nats: their Jensen-Shannon divergence."""
        running, own = self._log_sum(self._outcomes, picks), float(self._entropies[list(picks)].sum())
        count = len(picks) + 1
        of_pool = [
            entropy_of(torch.logaddexp(running, each) - math.log(count)).mean() * _labels(self._like)
            for each in self._outcomes
        ]
        return (torch.stack(of_pool) - (own + self._entropies) / count).clamp_min(0.0)

    def value(self, loss: float) -> float:
        """A loss in the metric's own direction."""
        return loss if self.metric == "nll" else 1.0 - loss

    def _log_sum(self, values: Tensor, picks: Sequence[int]) -> Tensor:
        return torch.logsumexp(values[list(picks)], 0) if picks else torch.full_like(values[0], -math.inf)

    def _loss(self, log_sum: Tensor) -> Tensor:
        value = metric_value(from_outcomes(self._like, torch.log_softmax(log_sum, -1)), self.metric)
        return torch.tensor(math.inf if value is None else 1.0 - value, dtype=torch.float64)


def select_greedy(library: Library, steps: int) -> Selection:
    """Add, with replacement, the candidate that makes the pooled prediction best on val; the earlier one of equals.

    After `steps` picks the shortest prefix with the best value is kept. A candidate that was picked twice weighs twice.
    """
    picks: list[int] = []
    losses: list[float] = []
    for _ in range(steps):
        found = library.losses(picks)
        picks.append(_first_smallest(found))
        losses.append(float(found[picks[-1]]))
    values = tuple(library.value(loss) for loss in losses)
    return Selection(
        picks=tuple(picks),
        values=values,
        diversity=(0.0,) * steps,
        kept=1 + _first_smallest(torch.tensor(losses, dtype=torch.float64)),
    )


def select_diverse(library: Library, size: int, diversity: float) -> Selection:
    """Add, without replacement, the candidate with the smallest loss(S) - diversity * JS(S) of the grown set S.

    loss(S) is that of the pooled prediction on val; JS(S) = H(mean of p_m) - mean of H(p_m), the generalised
    Jensen-Shannon divergence of the members (Lin 1991) averaged over images, in nats. The penalised forward selection is
    that of diversity-regularised pruning (Li, Yu and Zhou 2012), with this divergence in place of pairwise disagreement,
    because it is defined for probabilities and needs no pairs.
    """
    picks: list[int] = []
    values: list[float] = []
    spreads: list[float] = []
    for _ in range(min(size, len(library))):
        losses, spread = library.losses(picks), library.diversities(picks)
        penalised = losses - diversity * spread
        penalised[picks] = math.inf
        picks.append(_first_smallest(penalised))
        values.append(library.value(float(losses[picks[-1]])))
        spreads.append(float(spread[picks[-1]]))
    return Selection(picks=tuple(picks), values=tuple(values), diversity=tuple(spreads), kept=len(picks))


def metric_value(predictions: AnyPredictions, metric: Metric) -> float | None:
    """NLL, accuracy or mean AUROC of predictions; None where it is not defined."""
    if isinstance(predictions, MultiLabelPredictions):
        return label_headline(predictions)[metric]
    if metric == "accuracy":
        return accuracy(counted(predictions))
    log_probs = predictions.pooled_log_probs()
    if metric == "nll":
        return negative_log_likelihood(log_probs, predictions.targets)
    return mean_defined(auroc(log_probs, predictions.targets))


def best_place(values: Sequence[float | None], metric: Metric) -> int:
    """Place of the best value, the first of equals; undefined ones are last."""
    sign: Callable[[float], float] = (lambda value: value) if metric == "nll" else (lambda value: -value)
    return min(range(len(values)), key=lambda n: math.inf if (value := values[n]) is None else sign(value))


def _first_smallest(losses: Tensor) -> int:
    """Place of the smallest loss; of those equal up to rounding (two members once or twice each) the first."""
    return int((losses <= losses.min() + ROUNDING).nonzero()[0, 0])


def _of_truth(like: AnyPredictions, log_probs: Tensor) -> tuple[Tensor, Tensor]:
    """What the NLL needs: [candidates, entries, parts] log probabilities, and [entries, parts] how much each is true."""
    if isinstance(like, MultiLabelPredictions):
        known = like.known()
        present = like.targets.double()[known]
        return log_probs[:, known], torch.stack([1 - present, present], -1)
    places = like.targets[None, :, None].expand(len(log_probs), -1, 1)
    return log_probs.gather(2, places), torch.ones(len(like.targets), 1, dtype=torch.float64)


def _labels(like: AnyPredictions) -> int:
    """Information of labels is summed over them, so a mean over images and labels is multiplied by their number."""
    return like.labels if isinstance(like, MultiLabelPredictions) else 1
