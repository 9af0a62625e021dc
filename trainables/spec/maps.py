"""Settings of maps over several members: of an ensemble's networks, of Laplace samples, of MC dropout. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from trainables.spec.among import among_suffix, require_among
from trainables.spec.explanations import Explainer

MAP_METHODS = get_args(Explainer)
"""Names of `trainables.explain.methods.METHODS`."""


@dataclass(frozen=True, kw_only=True)
class MapSettings:
    """What is done with the maps of members, wherever the members come from.

    Attributes:
        method: how a member is explained, one of `MAP_METHODS`.
        split: whose images are explained.
        images: so many, the first by a seeded order; scores are of the correctly predicted ones among them.
        cells: the image is cut into cells x cells regions for the perturbation curves and the certainty of regions.
        percentile: from 0 to 100, of the aggregation between intersection (0) and union (100).
        angles: degrees by which the images are rotated; none leaves rotation out.
        noise: standard deviation of the perturbation, on intensities in [0, 1].
        seed: of the choice of images, of the noise and the control, of the members' draws, and of methods that draw.
    """

    method: str = "grad_cam"
    split: Literal["val", "test"] = "test"
    images: int = 16
    cells: int = 8
    percentile: float = 75.0
    angles: tuple[int, ...] = (15, 30, 45, 60, 75, 90)
    noise: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in MAP_METHODS:
            raise ValueError(
                f"posthoc/method is {self.method!r}, which explains nothing. Take {', '.join(MAP_METHODS)}."
            )
        if self.images < 1 or self.cells < 1 or self.noise < 0:
            raise ValueError(
                f"posthoc/images is {self.images}, cells {self.cells}, noise {self.noise:g}; give an image and a cell at least, "
                "and noise of 0 or more."
            )
        if not 0 <= self.percentile <= 100:
            raise ValueError(f"posthoc/percentile is {self.percentile:g}; give a number from 0 to 100.")

    @property
    def by(self) -> str:
        """What a task's name says about the method."""
        return "" if self.method == "grad_cam" else f"_{self.method}"


@dataclass(frozen=True, kw_only=True)
class MemberMaps(MapSettings):
    """Maps over the members that one network gives: last layers drawn from its Laplace posterior, or its MC dropout.

    Attributes:
        over: where the members come from; `mc_dropout` is of networks with dropout only.
        samples: how many members.
        hessian_structure: of the posterior, whose prior precision maximises the marginal likelihood.
    """

    kind: Literal["member_maps"] = "member_maps"
    over: Literal["laplace", "mc_dropout"] = "laplace"
    samples: int = 15
    hessian_structure: Literal["diag", "kron", "full"] = "kron"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples < 2:
            raise ValueError(f"posthoc/member_maps/samples is {self.samples}; members that can differ are 2 or more.")

    @property
    def name(self) -> str:
        """Prefix of the metrics' names."""
        structure = f"_{self.hessian_structure}" if self.over == "laplace" else ""
        return f"maps_{self.over}{structure}{self.by}"


@dataclass(frozen=True, kw_only=True)
class EnsembleMaps(MapSettings):
    """Maps over the networks of an ensemble.

    Attributes:
        members: `seeds` for the best configuration under several seeds, `top` for the sweep's best trials, as an `Ensemble`
            takes them.
        size: how many members at most.
        among: only trials with that drawn parameter, such as `network=p1_small`; all of them if empty.
    """

    kind: Literal["ensemble_maps"] = "ensemble_maps"
    members: Literal["seeds", "top"] = "seeds"
    size: int = 4
    among: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_among(self.among, self.members)
        if self.size < 2:
            raise ValueError(f"posthoc/ensemble_maps/size is {self.size}; members that can differ are 2 or more.")

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"ensemble_maps_{self.members}_{self.size}{self.by}{among_suffix(self.among)}"
