"""Post-hoc task: AOPC of the same maps under other perturbations, grids and noises (the open question of paper P3)."""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.explain.aopc import area_over_curve, score_maps
from trainables.explain.inference import inference_copy
from trainables.explain.outputs import followed
from trainables.posthoc.explained import explained, flat_remarks, intensities
from trainables.posthoc.interface import PosthocResult, TrainedNetwork
from trainables.posthoc.intervals import mean_with_interval
from trainables.posthoc.stopwatch import Stopwatch
from trainables.spec import AopcStability


def run(task: AopcStability, network: TrainedNetwork) -> PosthocResult:
    """Score the maps of some correctly predicted images under every variant.

    Images, maps and random orders are the same for all of them, and those of an `Aopc` of the same seed. Metrics are
    `<variant>/<split>/aopc`, `/aopc_random` and `/aopc_gain`, the last one with `/low` and `/high`; a variant is called
    `noise_0.1_cells_8`, `blur_cells_4`. Whether a ranking of networks survives is for the report to say. Tensors:
    `<variant>/aopc_per_image`, `<variant>/random_aopc_per_image` and `rows`, all [images].

    Raises:
        ValueError: as of `Aopc`.
    """
    watch = Stopwatch()
    with watch.stage("load"):
        source = explained(network, task.split, method=task.explainer, seed=task.seed)
        rows = source.rows(task.images)
        images, classes = intensities(source.images, rows), source.classes[rows]
    with watch.stage("maps"):
        maps = source.maps(source.classifier, images, classes, task.explainer, task.seed)
    metrics: dict[str, float | None] = {}
    tensors: dict[str, Tensor] = {"rows": torch.from_numpy(rows)}
    remarks = [*source.remarks(), *flat_remarks(maps)]
    if not len(rows):
        remarks.append(f"AOPC is not defined: the network predicts no image of {task.split} correctly.")
    with watch.stage("curves"):
        copy = inference_copy(source.classifier, images[:2])
        for variant in task.variants:
            scores = score_maps(
                copy,
                images,
                maps,
                predicted=classes,
                image_ids=source.ids_at(rows),
                cells=min(variant.cells, *images.shape[2:]),
                noise=variant.noise,
                seed=task.seed,
                perturbation=variant.perturbation,
                value=followed("probability", of_labels=source.of_labels),
            )
            along, control = (area_over_curve(each) for each in (scores.probabilities, scores.random_probabilities))
            of_all = f"{variant.name}/{task.split}"
            gain = mean_with_interval(f"{of_all}/aopc_gain", along.double() - control.double(), source.groups_at(rows))
            metrics |= {f"{of_all}/aopc": scores.aopc, f"{of_all}/aopc_random": scores.aopc_random} | gain
            tensors |= {
                f"{variant.name}/aopc_per_image": along,
                f"{variant.name}/random_aopc_per_image": control,
            }
    return PosthocResult(
        metrics=metrics,
        tensors=tensors,
        remarks=tuple(remarks),
        seconds=watch.seconds,
        details={"images": len(rows), "resampled": source.group_kind},
    )
