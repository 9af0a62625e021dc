"""Rotated images: what the members predict, and whether the map rotates with the image (paper P1, Figure 4)."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from trainables.explain.aggregate import aggregate, is_flat, scaled
from trainables.explain.rotation import rotate, rotation_correlation
from trainables.posthoc.explained_together import ExplainedTogether
from trainables.posthoc.map_members import MapMembers, said_of
from trainables.spec import EnsembleMaps, MemberMaps

SHOWN_ANGLE = 45


@dataclass(frozen=True, kw_only=True)
class Turned:
    """What rotation does.

    Attributes:
        metrics: `rotated_<angle>/<split>/accuracy` and `/map_correlation`.
        tensors: `angles`, `angles/accuracy`, `angles/map_correlation`, 0 degrees first.
        degrees: the angle of the picture; None where nothing was rotated.
        pixels, log_probs, maps: the shown images, rotated; what the members say of them; their scaled maps.
    """

    metrics: dict[str, float | None] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    degrees: int | None = None
    pixels: Tensor = field(default_factory=lambda: torch.empty(0))
    log_probs: Tensor = field(default_factory=lambda: torch.empty(0))
    maps: Tensor = field(default_factory=lambda: torch.empty(0))


@torch.no_grad()
def rotations(
    task: MemberMaps | EnsembleMaps, members: MapMembers, explained: ExplainedTogether, mean: Tensor, shown: Tensor
) -> Turned:
    """Accuracy of the members together on rotated images, and the correlation of the mean map turned back with the original.

    Of labels an image counts as right while the most probable one is the label that was right before, and still predicted.
    The class that is explained stays the one predicted on the image as it is, so that only the map can change. Maps are
    compared by Spearman's correlation inside the image's inscribed circle, which every angle shows.

    Args:
        task: its angles.
        members: that are explained.
        explained: the images as they are.
        mean: [images, rows, columns], their mean maps.
        shown: rows of the images whose rotated maps are kept for the picture, at 45 degrees or the angle next to it.
    """
    if not task.angles:
        return Turned()
    device = next(members.parameters()).device
    size = (explained.pixels.shape[2], explained.pixels.shape[3])
    picture = min(task.angles, key=lambda angle: abs(angle - SHOWN_ANGLE))
    accuracies, correlations = [explained.is_correct.double().mean()], [torch.tensor(1.0, dtype=torch.float64)]
    metrics: dict[str, float | None] = {f"rotated_0/{task.split}/accuracy": float(accuracies[0])}
    kept: dict[str, Tensor] = {}
    for angle in task.angles:
        pixels = rotate(explained.pixels, angle).clamp(0, 1)
        log_probs = members.member_log_probs(pixels.to(device)).cpu()
        maps = scaled(members.member_maps(pixels, explained.predicted, task.method, task.seed).float())
        said = said_of(log_probs, of_labels=members.of_labels)
        accuracies.append(((said == explained.targets) & (said >= 0)).double().mean())
        turned = aggregate(maps, "mean")
        alike = rotation_correlation(mean, turned, angle, size)[~(is_flat(mean) | is_flat(turned))]
        correlations.append(alike.mean())  # NaN where no map has a shape
        metrics[f"rotated_{angle}/{task.split}/accuracy"] = float(accuracies[-1])
        metrics[f"rotated_{angle}/{task.split}/map_correlation"] = float(correlations[-1]) if len(alike) else None
        if angle == picture:
            kept = {"pixels": pixels[shown], "log_probs": log_probs[:, shown], "maps": maps[:, shown]}
    return Turned(
        metrics=metrics,
        tensors={
            "angles": torch.tensor([0, *task.angles]),
            "angles/accuracy": torch.stack(accuracies),
            "angles/map_correlation": torch.stack(correlations),
        },
        degrees=picture,
        **kept,
    )
