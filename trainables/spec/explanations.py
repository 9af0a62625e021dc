"""How explanations are made and scored: the words of their settings, and the scores beside AOPC. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from trainables.spec.limits import require_not_negative

Explainer: TypeAlias = Literal[
    "grad_cam",
    "cam",
    "grad_cam_pp",
    "hires_cam",
    "gradient",
    "smooth_grad",
    "integrated_gradients",
    "guided_backprop",
    "occlusion",
    "lrp",
    "attentive",
    "rise",
]
RegionOrder: TypeAlias = Literal["most_relevant_first", "least_relevant_first"]
Perturbation: TypeAlias = Literal["noise", "uniform", "mean", "blur", "neighbours"]
FollowedOutput: TypeAlias = Literal["probability", "logit"]
Score: TypeAlias = Literal[
    "road",
    "deletion_insertion",
    "sufficiency_comprehensiveness",
    "max_sensitivity",
    "infidelity",
    "haas",
    "randomisation",
    "sparseness",
]
SCORES: tuple[Score, ...] = get_args(Score)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A perturbation on a grid of cells x cells regions; `noise` is of the perturbation of that name only."""

    perturbation: Perturbation
    name: str = ""
    noise: float = 0.1
    cells: int = 1


@dataclass(frozen=True, kw_only=True)
class AopcStability:
    """AOPC under a grid of perturbations on the same images and maps: does a ranking of networks survive them (paper P3)?

    Attributes:
        explainer: method of the maps.
        images: at most so many correctly predicted images of the split; each costs about twice the regions of all variants.
        cells: grids of cells x cells regions.
        noises: standard deviations of the normal noise, a variant each.
        perturbations: what else regions are replaced by, a variant each.
        seed: as of `Aopc`, so that both look at the same images.
    """

    kind: Literal["aopc_stability"] = "aopc_stability"
    explainer: Explainer = "grad_cam"
    split: Literal["val", "test"] = "test"
    images: int = 16
    cells: tuple[int, ...] = (4, 8)
    noises: tuple[float, ...] = (0.05, 0.1, 0.3)
    perturbations: tuple[Perturbation, ...] = ("uniform", "mean", "blur", "neighbours")
    seed: int = 0

    def __post_init__(self) -> None:
        for noise in self.noises:
            require_not_negative("posthoc/aopc_stability/noises", noise)
        if "noise" in self.perturbations:
            raise ValueError(
                "posthoc/aopc_stability/perturbations has 'noise', whose deviations stand in noises. Take it out there."
            )
        if self.images < 1 or not self.cells or min(self.cells) < 1:
            raise ValueError(
                f"posthoc/aopc_stability got {self.images} images and cells {self.cells}; it wants an image at least, and "
                "grids of 1 cell or more."
            )

    @property
    def name(self) -> str:
        """Prefix of the metrics' names."""
        return "aopc_stability" + method_suffix(self.explainer)

    @property
    def variants(self) -> tuple[Variant, ...]:
        """Every perturbation on every grid."""
        noises = [(f"noise_{noise:g}", Variant(perturbation="noise", noise=noise)) for noise in self.noises]
        others = [(how, Variant(perturbation=how)) for how in self.perturbations]
        return tuple(
            replace(variant, name=f"{name}_cells_{cells}", cells=cells)
            for cells in self.cells
            for name, variant in [*noises, *others]
        )


@dataclass(frozen=True, kw_only=True)
class ExplanationScores:
    """Scores of maps other than AOPC; formulas and sources stand in `trainables.explain`.

    Attributes:
        method: of the maps.
        scores: which of them.
        images: at most so many correctly predicted images of the split; `haas` takes as many, correct or not.
        cells: regions of sufficiency and comprehensiveness.
        seed: of the choice of images, and of what scores draw.
    """

    kind: Literal["explanation_scores"] = "explanation_scores"
    method: Explainer = "grad_cam"
    scores: tuple[Score, ...] = SCORES
    split: Literal["val", "test"] = "test"
    images: int = 16
    cells: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.scores or self.images < 1 or self.cells < 1:
            raise ValueError(
                f"posthoc/explanation_scores got {self.images} images, {self.cells} cells and scores {self.scores}; it wants "
                f"one of each at least. Scores are {', '.join(SCORES)}."
            )

    @property
    def name(self) -> str:
        """Prefix of the metrics' names."""
        return "explanation_scores" + method_suffix(self.method)


def method_suffix(method: str) -> str:
    """What a task's name says of the method of its maps; nothing of Grad-CAM."""
    return "" if method == "grad_cam" else f"_{method}"
