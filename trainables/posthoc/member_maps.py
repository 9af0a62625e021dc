"""Post-hoc tasks: maps of several members of a prediction, aggregated, scored, and how sure the members are of them.

Paper P1 explains an ensemble by each member's map and by their mean, intersection and union, and asks what rotation does
to them; paper P0 left open how sure a Bayesian network is of its maps. Here members are an ensemble's networks, last layers
drawn from a Laplace posterior, or draws of dropout, and one code serves all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.explain.aggregate import AGGREGATIONS, aggregate, scaled
from trainables.multilabel import MultiLabelPredictions
from trainables.posthoc.aopc import gallery_targets
from trainables.posthoc.explained import intensities, require_same_order, seeded_order
from trainables.posthoc.explained_together import ExplainedTogether
from trainables.posthoc.interface import PosthocResult, TrainedNetwork
from trainables.posthoc.map_agreement import agreement_found, likeness_to_single
from trainables.posthoc.map_members import DropoutMembers, MapMembers, NetworkMembers, SampledHeads, said_of
from trainables.posthoc.map_pictures import picture_tensors, rotated_picture_tensors, shown_images
from trainables.posthoc.map_rotation import rotations
from trainables.posthoc.map_scores import aggregated_scores
from trainables.posthoc.stopwatch import Stopwatch
from trainables.spec import EnsembleMaps, Laplace, MemberMaps

SINGLE = "single"
"""Stands among the aggregations for the map of one network: the trained one, or the ensemble's first by key."""


def run(task: MemberMaps | EnsembleMaps, networks: Sequence[TrainedNetwork]) -> PosthocResult:
    """Explain images by every member, for the class that the members predict together, and aggregate their maps.

    Of labels it is the most probable one of those that the members together predict present; images of which they predict none
    are left out, with a remark. Every map is scaled from 0 to 1 before it is aggregated, as in P1. Metrics are named `<aggregation>/<split>/<metric>` for
    mean, intersection, union, median, a percentile, and `single` (see `map_scores`), `<split>/<metric>` for what the
    members agree on (`map_agreement`), and `rotated_<angle>/<split>/<metric>` (`map_rotation`). **The network that is
    perturbed is all members together**: their mean probability is followed, whichever map orders the regions.

    Args:
        task: its settings.
        networks: those of the ensemble, or one network for `MemberMaps`.

    Raises:
        ValueError: a network has no dropout or several heads where that is needed, images of the members differ, or the method is
            not defined for a network.
    """
    watch = Stopwatch()
    ordered = sorted(networks, key=lambda network: network.key)
    with watch.stage("members"):
        members = members_of(task, ordered)
    with watch.stage("maps"):
        explained = explain(task, ordered, members)
    if not len(explained.targets):
        return PosthocResult(
            metrics={f"{task.split}/scored_images": 0.0}, remarks=_left_out(explained), seconds=watch.seconds
        )
    with watch.stage("aggregation"):
        aggregated = aggregations(explained, task.percentile)
    with watch.stage("curves"):
        scores = aggregated_scores(task, members, explained, aggregated)
    with watch.stage("agreement"):
        found = agreement_found(task, explained)
        likeness, remarks = likeness_to_single(task, explained)
    with watch.stage("rotation"):
        shown = shown_images(explained)
        turned = rotations(task, members, explained, aggregated["mean"], shown)
    return PosthocResult(
        metrics=scores.metrics | found.metrics | likeness | turned.metrics,
        tensors={
            "targets": explained.targets,
            "predicted": explained.predicted,
            "is_correct": explained.is_correct,
            **scores.tensors,
            **found.tensors,
            **turned.tensors,
            **picture_tensors(explained, aggregated, shown),
            **rotated_picture_tensors(turned),
        },
        remarks=(*_left_out(explained), *scores.remarks, *found.remarks, *remarks),
        seconds=watch.seconds,
        details={"members": len(explained.maps), "method": task.method, "images": list(explained.image_ids)},
    )


def members_of(task: MemberMaps | EnsembleMaps, networks: Sequence[TrainedNetwork]) -> MapMembers:
    """The members, on the device that they are to run on.

    Raises:
        ValueError: see `run`.
    """
    of_labels = isinstance(networks[0].predictions(task.split), MultiLabelPredictions)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if isinstance(task, EnsembleMaps):
        _require_alike(task, networks)
        return NetworkMembers([network.classifier().to(device) for network in networks], of_labels=of_labels)
    (network,) = networks
    classifier = network.classifier().to(device)
    if task.over == "mc_dropout":
        return DropoutMembers(classifier, task.samples, task.seed, of_labels=of_labels)
    return SampledHeads(classifier, *drawn_heads(task, network), of_labels=of_labels)


def drawn_heads(task: MemberMaps, network: TrainedNetwork) -> tuple[Tensor, Tensor]:
    """Last layers drawn from the Laplace posterior of a network, [samples, classes, features] and [samples, classes].

    The posterior is that of the task `Laplace` with the same structure, its prior precision by the marginal likelihood.
    """
    from trainables.posthoc.laplace import fit_laplace, require_one_head
    from trainables.posthoc.laplace_cost import affordable
    from trainables.posthoc.posterior import sample_heads
    from trainables.posthoc.prior_precision import marginal_likelihood_precision

    settings = Laplace(hessian_structure=task.hessian_structure)
    require_one_head(settings, network)
    head, train = network.head(), network.predictions("train")
    structure, _ = affordable(settings, head, of_labels=isinstance(train, MultiLabelPredictions))
    posterior = fit_laplace(structure, network.features("train"), train.targets, head)
    posterior = posterior.with_prior_precision(marginal_likelihood_precision(posterior))
    return sample_heads(posterior, task.samples, task.seed)


@torch.no_grad()
def explain(
    task: MemberMaps | EnsembleMaps, networks: Sequence[TrainedNetwork], members: MapMembers
) -> ExplainedTogether:
    """The first images of the split by a seeded order that have a prediction, whether it is correct or not."""
    first = networks[0]
    images = first.images(task.split)
    require_same_order(first.predictions(task.split), images)
    rows: NDArray[np.int64] = seeded_order(images.image_ids, task.seed)[: task.images]
    log_probs = member_log_probs(members, intensities(images, rows))
    shown = said_of(log_probs, of_labels=members.of_labels) >= 0
    rows, log_probs, asked = rows[shown.numpy()], log_probs[:, shown], len(rows)
    pixels, predicted = intensities(images, rows), log_probs.exp().mean(0).argmax(1)
    targets, is_known = gallery_targets(images.targets[rows], predicted.numpy())
    maps = scaled(members.member_maps(pixels, predicted, task.method, task.seed).float())
    return ExplainedTogether(
        pixels=pixels,
        image_ids=tuple(images.image_ids[row] for row in rows),
        targets=torch.from_numpy(np.where(is_known, targets, -1)),
        masks=None if images.masks is None else torch.from_numpy(np.array(images.masks[rows])),
        log_probs=log_probs,
        predicted=predicted,
        maps=maps,
        single=maps[0] if isinstance(task, EnsembleMaps) else _of_trained(task, members, pixels, predicted),
        left_out=asked - len(rows),
    )


def _left_out(explained: ExplainedTogether) -> tuple[str, ...]:
    if not explained.left_out:
        return ()
    of = explained.left_out + len(explained.targets)
    return (f"The members together predict no label in {explained.left_out} of {of} images, which are not explained.",)


def member_log_probs(members: MapMembers, pixels: Tensor) -> Tensor:
    """What each member says of images, [members, images, classes] on the CPU."""
    device = next(members.parameters()).device
    with torch.no_grad():
        return members.member_log_probs(pixels.to(device)).cpu()


def aggregations(explained: ExplainedTogether, percentile: float) -> dict[str, Tensor]:
    """One map an image by every way of aggregating, and that of a single network, [images, rows, columns] each."""
    maps = explained.maps
    found = {how: aggregate(maps, how) for how in AGGREGATIONS}
    return found | {f"percentile_{percentile:g}": aggregate(maps, percentile), SINGLE: explained.single}


def _of_trained(task: MemberMaps, members: MapMembers, pixels: Tensor, predicted: Tensor) -> Tensor:
    from trainables.explain.methods import saliency_maps

    assert isinstance(members, SampledHeads | DropoutMembers)
    explain = partial(saliency_maps, method=task.method, seed=task.seed, of_labels=members.of_labels)
    return scaled(explain(members.classifier, pixels, predicted).float())


def _require_alike(task: EnsembleMaps, networks: Sequence[TrainedNetwork]) -> None:
    if not networks or len(networks) > task.size:
        raise ValueError(
            f"{task.name} was given {len(networks)} networks and its size is {task.size}. Raise size, or pass one at least "
            "and no more than that."
        )
    ids = networks[0].images(task.split).image_ids
    for network in networks[1:]:
        if network.classes != networks[0].classes or network.images(task.split).image_ids != ids:
            raise ValueError(
                f"{task.name}: {network.key} knows other classes or other images of {task.split} than {networks[0].key}. "
                "Members of an ensemble share both."
            )
