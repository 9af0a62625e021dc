"""The report's part on maps of several members: scores of each way to aggregate them, grids, rotation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from orchestrator.figures.members import draw_rotation, way_label
from orchestrator.figures.regions import draw_regions, regions_size
from orchestrator.figures.words import task_label
from orchestrator.member_maps import ensemble_maps
from orchestrator.report.findings import Findings
from orchestrator.report.gallery import Gallery
from orchestrator.report.member_gallery import members_gallery, ways_gallery
from orchestrator.report.pictures import Picture, Studio
from orchestrator.report.text import number_text, plural

SCORES = {
    "aopc": "AOPC",
    "aopc_gain": "Gain over random",
    "pointing_game": "Pointing game",
    "energy_inside": "Energy inside",
    "best_iou": "Best IoU",
    "rank_accuracy": "Rank accuracy",
}


@dataclass(frozen=True, kw_only=True)
class MapsEntry:
    """Maps of one group of members.

    Attributes:
        title: whose they are.
        sentences: how sure the members are, and what the task remarks.
        heads, rows: table of the ways to aggregate.
        galleries: what stands above each, and its images.
        regions: wide pictures.
        angles: numbers by angle.
    """

    title: str
    sentences: tuple[str, ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    galleries: tuple[tuple[str, Gallery], ...]
    regions: tuple[Picture, ...]
    angles: tuple[Picture, ...]


def maps_entries(findings: Findings, studio: Studio) -> list[MapsEntry]:
    """Of every ensemble that has them, then of the best network; of another one as long as that has none."""
    entries = [
        _entry(findings, studio, f"{each.name}, {plural(len(each.members), 'network')}", each.key, each.members[0])
        for each in ensemble_maps(findings.store, findings.definition, findings.rows)
    ]
    for row in findings.networks:
        keys = {name: key for name, key in row.results.items() if name.startswith("maps_")}
        if keys:
            return entries + [
                _entry(findings, studio, f"{task_label(name)}, {row.name}", key, row.key) for name, key in keys.items()
            ]
    return entries


def _entry(findings: Findings, studio: Studio, title: str, key: str, network: str) -> MapsEntry:
    meta, tensors = findings.meta(key), findings.tensors(key)
    metrics: Mapping[str, float | None] = meta["metrics"]
    split = next(name.split("/")[0] for name in metrics if name.endswith("/scored_images"))
    ways = [name.split("/")[0] for name in metrics if name.endswith(f"/{split}/aopc")]
    shown = [name for name in SCORES if f"mean/{split}/{name}" in metrics]
    return MapsEntry(
        title=title,
        sentences=(*(_certainty(metrics, split, meta) if ways else ()), *meta["remarks"]),
        heads=("Aggregation", *(SCORES[name] for name in shown)),
        rows=tuple(
            (way_label(way), *(number_text(metrics.get(f"{way}/{split}/{name}")) for name in shown)) for way in ways
        ),
        galleries=tuple(_galleries(studio, tensors, findings.classes(network), title)),
        regions=tuple(_regions(studio, tensors, title)),
        angles=tuple(_angles(studio, tensors, title)),
    )


def _certainty(metrics: Mapping[str, float | None], split: str, meta: Mapping[str, Any]) -> Iterator[str]:
    def number(name: str) -> str:
        return number_text(metrics.get(f"{split}/{name}"), 2)

    yield (
        f"Mean Spearman correlation of two members' maps ({meta['details']['method']}): {number('map_correlation')}. Of two "
        f"regions the members are {number('pair_certainty')} sure which one matters more (0.5 is not at all); that the "
        f"region of the largest relevance outranks another one, {number('top_region_certainty')}. That region holds "
        f"{number('top_region_low')} to {number('top_region_high')} of the relevance (95 % of the members)."
    )


def _galleries(
    studio: Studio, tensors: Mapping[str, Any], classes: Sequence[str], title: str
) -> Iterator[tuple[str, Gallery]]:
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    if "shown/pixels" not in arrays:  # no image had a prediction
        return
    count = len(arrays["shown/maps"])
    label = f"{title}: images by the first {count} members, and all of them"
    yield label, members_gallery(studio, arrays, classes, label)
    label = f"{title}: images by ways to aggregate"
    yield label, ways_gallery(studio, arrays, classes, label)
    if "rotated/pixels" in arrays:
        label = f"{title}: images rotated by {int(arrays['rotated/degrees'])} degrees, by the same members"
        yield label, members_gallery(studio, arrays, classes, label, "rotated")


def _regions(studio: Studio, tensors: Mapping[str, Any], title: str) -> Iterator[Picture]:
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    if "shown/rows" in arrays and "shown/pixels" in arrays:
        draw = partial(draw_regions, tensors=arrays)
        label = f"{title}: how sure the members are which region matters more"
        width, height = regions_size(arrays)
        yield studio.panel(draw, label, width=width, height=height)


def _angles(studio: Studio, tensors: Mapping[str, Any], title: str) -> Iterator[Picture]:
    if "angles" in tensors:
        draw = partial(draw_rotation, tensors=tensors, title="rotated images")
        yield studio.panel(draw, f"{title}: accuracy and correlation of maps by angle", width=3.6, height=3)
