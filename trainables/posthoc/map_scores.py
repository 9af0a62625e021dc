"""Aggregated maps scored as any other: by perturbation, and against masks where they are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.explain.aopc import AopcScores, perturbation_curves, random_order
from trainables.explain.perturbations import add_noise
from trainables.explain.regions import Regions, most_relevant_first
from trainables.posthoc.explained_together import ExplainedTogether
from trainables.posthoc.localisation import localisation_metrics
from trainables.posthoc.map_members import MapMembers
from trainables.spec import EnsembleMaps, MemberMaps


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Metrics by `<aggregation>/<split>/<metric>`, curves by `<aggregation>/curve` [L + 1], and remarks."""

    metrics: dict[str, float | None]
    tensors: dict[str, Tensor]
    remarks: tuple[str, ...]


def aggregated_scores(
    task: MemberMaps | EnsembleMaps, members: MapMembers, explained: ExplainedTogether, aggregated: Mapping[str, Tensor]
) -> Scored:
    """Scores of the images that the members together predict correctly.

    For each aggregation `aopc`, `aopc_gain` (above a random order under the same noise, which is drawn and perturbed once for
    all of them), and `pointing_game`, `energy_inside` and so on where masks are known; `<split>/aopc_random` is the control.
    The probability that is followed is the members' mean.
    """
    correct = explained.is_correct
    remarks = []
    if int(correct.sum()) < len(correct):
        remarks.append(
            f"Aggregated maps are scored on {int(correct.sum())} of {len(correct)} images, which the members together predict "
            "correctly."
        )
    metrics: dict[str, float | None] = {f"{task.split}/scored_images": float(correct.sum())}
    tensors: dict[str, Tensor] = {}
    curves = _Curves(task, members, explained)
    control = None
    for name, maps in aggregated.items():
        scores = curves.along(maps[correct])
        control = scores.aopc_random
        gain = None if scores.aopc is None or control is None else scores.aopc - control
        metrics |= {f"{name}/{task.split}/aopc": scores.aopc, f"{name}/{task.split}/aopc_gain": gain}
        if len(scores.probabilities):
            tensors |= {
                f"{name}/curve": scores.probabilities.mean(0),
                "random_curve": scores.random_probabilities.mean(0),
            }
        if explained.masks is not None:
            found = localisation_metrics(maps[correct], explained.masks[correct])
            metrics |= {f"{name}/{task.split}/{metric}": value for metric, value in found.items()}
    metrics[f"{task.split}/aopc_random"] = control
    return Scored(metrics=metrics, tensors=tensors, remarks=tuple(remarks))


class _Curves:
    """What is the same for every map of the same images: noise, control, and the members that are perturbed."""

    def __init__(self, task: MemberMaps | EnsembleMaps, members: MapMembers, explained: ExplainedTogether) -> None:
        correct = explained.is_correct
        images = explained.pixels[correct]
        ids = [name for name, is_correct in zip(explained.image_ids, correct.tolist(), strict=True) if is_correct]
        height, width = images.shape[2:]
        self._regions = Regions.of(height=height, width=width, rows=task.cells, columns=task.cells)
        self._network = members.for_many_passes(images[:2])
        perturbed = add_noise(images, ids, noise=task.noise, seed=task.seed)
        self._pair = (images, perturbed, explained.predicted[correct])
        order = random_order(ids, regions=len(self._regions), seed=task.seed)
        self._control = perturbation_curves(self._network, *self._pair, order=order, regions=self._regions)

    def along(self, maps: Tensor) -> AopcScores:
        """The curves along maps; their first and last image are the control's."""
        order = most_relevant_first(self._regions.relevance(maps))
        steps = range(1, len(self._regions))
        between = perturbation_curves(self._network, *self._pair, order=order, regions=self._regions, steps=steps)
        return AopcScores(
            probabilities=torch.cat([self._control[:, :1], between, self._control[:, -1:]], dim=1),
            random_probabilities=self._control,
            regions=self._regions,
            flat_maps=0,
        )
