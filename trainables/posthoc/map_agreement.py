"""How far members agree on their maps, how sure they are of regions, and whether they differ from one network's map."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.explain.aggregate import RegionCertainty, agreement, is_flat, region_certainty
from trainables.explain.regions import Regions
from trainables.explain.rotation import correlation, rank_correlation
from trainables.posthoc.explained_together import ExplainedTogether
from trainables.spec import EnsembleMaps, MemberMaps

ALIKE = 0.99
"""From this correlation on maps of samples are called those of the trained network."""
NAMES = {"laplace": "last layers drawn from the Laplace posterior", "mc_dropout": "networks with units dropped"}


@dataclass(frozen=True, kw_only=True)
class Agreed:
    """Metrics by `<split>/<metric>`, tensors image by image, and remarks."""

    metrics: dict[str, float | None]
    tensors: dict[str, Tensor]
    remarks: tuple[str, ...] = ()


def agreement_found(task: MemberMaps | EnsembleMaps, explained: ExplainedTogether) -> Agreed:
    """Of all explained images.

    - `map_correlation`: mean Spearman correlation of two members' maps, which is not defined for a flat one; `map_deviation`: standard deviation over the members,
      mean over pixels.
    - `pair_certainty`: how sure the members are, in the mean over pairs of regions, of which one matters more:
      max(P(i outranks j), 1 - P), from 0.5 (they do not know) to 1.
    - `top_region_certainty`: the share of members, in the mean over the other regions, for which the region of the largest
      median share outranks the other one; `top_region_low`, `top_region_high`: 95 % interval of that region's share of the
      relevance, in the mean over images.

    Tensors: `regions/outranks` [images, regions, regions], `regions/low`, `regions/median`, `regions/high` [images, regions]
    (see `region_certainty`), `regions/grid` (rows, columns), `map_correlation` [images].
    """
    alike = agreement(explained.maps)
    height, width = explained.pixels.shape[2:]
    regions = Regions.of(height=height, width=width, rows=task.cells, columns=task.cells)
    sure = region_certainty(explained.maps, regions)
    values = {
        "map_correlation": alike.correlation,
        "map_deviation": alike.deviation.flatten(1).mean(1),
        **_certainties(sure),
    }
    return Agreed(
        metrics={f"{task.split}/{name}": _mean(value) for name, value in values.items()},
        tensors={
            "map_correlation": alike.correlation,
            "regions/outranks": sure.outranks.float(),
            "regions/low": sure.low.float(),
            "regions/median": sure.median.float(),
            "regions/high": sure.high.float(),
            "regions/grid": torch.tensor([regions.rows, regions.columns]),
        },
        remarks=_flat_remarks(task, explained),
    )


def _flat_remarks(task: MemberMaps | EnsembleMaps, explained: ExplainedTogether) -> tuple[str, ...]:
    flat = is_flat(explained.maps)
    if not bool(flat.any()):
        return ()
    return (
        f"{int(flat.sum())} of {flat.numel()} members' maps ({task.method}) have one value everywhere, mostly because nothing "
        "speaks for the class in them: they rank no region and are left out of correlations.",
    )


def _mean(values: Tensor) -> float | None:
    """The mean of what is defined; None where nothing is."""
    found = values.double().nanmean()
    return None if bool(found.isnan()) else float(found)


def likeness_to_single(
    task: MemberMaps | EnsembleMaps, explained: ExplainedTogether
) -> tuple[dict[str, float | None], tuple[str, ...]]:
    """Whether samples of one network have other maps than the network itself, and the sentence that says so.

    P1 says that maps of last-layer Laplace samples are those of the single network. Of an ensemble's networks, of which none
    is the trained one, nothing is said.
    """
    if isinstance(task, EnsembleMaps):
        return {}, ()
    shaped = ~(is_flat(explained.maps) | is_flat(explained.single))
    samples = explained.maps.flatten(2)
    trained = explained.single.flatten(1).expand_as(samples)
    if not bool(shaped.any()):
        return {}, ()
    spearman, pearson = rank_correlation(samples, trained)[shaped], correlation(samples, trained)[shaped]
    metrics: dict[str, float | None] = {
        f"{task.split}/correlation_with_trained": float(spearman.mean()),
        f"{task.split}/least_correlation_with_trained": float(spearman.min()),
        f"{task.split}/pearson_with_trained": float(pearson.mean()),
    }
    found = float(spearman.mean())
    verdict = "are the same as" if float(spearman.min()) >= ALIKE else "are close to" if found >= 0.9 else "differ from"
    claim = " P1's claim that they are the same" if task.over == "laplace" else ""
    judged = f";{claim} {'holds' if found >= ALIKE else 'does not hold'} here" if claim else ""
    return metrics, (
        f"Maps ({task.method}) of {len(samples)} {NAMES[task.over]} {verdict} the trained network's: mean Spearman correlation "
        f"{found:.3f}, least {float(spearman.min()):.3f}, mean Pearson correlation {float(pearson.mean()):.3f}, on "
        f"{int(shaped.any(0).sum())} images{judged}.",
    )


def _certainties(sure: RegionCertainty) -> dict[str, Tensor]:
    count = len(sure.regions)
    pairs = torch.triu(torch.ones(count, count, dtype=torch.bool), diagonal=1)
    certain = torch.maximum(sure.outranks, 1 - sure.outranks)[:, pairs].mean(1) if count > 1 else torch.ones(1)
    top = sure.median.argmax(1)
    images = torch.arange(len(top))
    return {
        "pair_certainty": certain,
        "top_region_certainty": (sure.outranks[images, top].sum(1) - 0.5) / max(count - 1, 1),
        "top_region_low": sure.low[images, top],
        "top_region_high": sure.high[images, top],
    }
