"""What is computed after training: the settings of each post-hoc task. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from trainables.spec.canonical import content_key
from trainables.spec.judgement import Conformal, Shift
from trainables.spec.versions import VERSIONS


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Every metric of the network as it is, on val, calib and test."""

    kind: Literal["evaluation"] = "evaluation"

    @property
    def name(self) -> str:
        """Prefix of the metrics' names; none for the network as it is."""
        return ""


@dataclass(frozen=True, kw_only=True)
class Temperature:
    """One temperature for all classes, fitted on calib by the likelihood (Guo et al. 2017)."""

    kind: Literal["temperature"] = "temperature"

    @property
    def name(self) -> str:
        """Prefix of the metrics' names."""
        return "temperature"


@dataclass(frozen=True, kw_only=True)
class Laplace:
    """Last-layer Laplace approximation on cached features (Daxberger et al. 2021).

    Attributes:
        hessian_structure: `diag`, `kron` or `full`.
        prior_precision: `marglik` (marginal likelihood on train) or `grid` (NLL on calib over a grid of 100 values).
        predictive: `probit`, or `mc` with `samples` draws.
        memory_bytes: largest memory that the full structure may take; beyond it the task refuses with the predicted bytes.
    """

    kind: Literal["laplace"] = "laplace"
    hessian_structure: Literal["diag", "kron", "full"] = "kron"
    prior_precision: Literal["marglik", "grid"] = "marglik"
    predictive: Literal["probit", "mc"] = "probit"
    samples: int = 30
    memory_bytes: int = 4 * 2**30

    @property
    def name(self) -> str:
        """Prefix of the metrics' names."""
        tuned = "" if self.prior_precision == "marglik" else f"_{self.prior_precision}"
        return f"laplace_{self.hessian_structure}{tuned}" + ("" if self.predictive == "probit" else "_mc")


@dataclass(frozen=True, kw_only=True)
class Aopc:
    """Grad-CAM maps scored by the area over the most-relevant-first perturbation curve (paper P3).

    Attributes:
        images: at most so many correctly predicted images of the split, the first by a seeded order.
        cells: the image is divided into cells x cells regions, or None for the size of the explained map.
        noise: standard deviation of the normal noise added to a region, on intensities in [0, 1].
        seed: seed of the noise, the choice of images and the random control.
    """

    kind: Literal["aopc"] = "aopc"
    explainer: Literal["grad_cam"] = "grad_cam"
    split: Literal["val", "test"] = "test"
    images: int = 200
    cells: int | None = None
    noise: float = 0.1
    seed: int = 0

    @property
    def name(self) -> str:
        """Prefix of the metrics' names."""
        return "aopc"


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """A deep ensemble of several networks: their probabilities are averaged, then calibrated.

    Attributes:
        members: `seeds` for the best configuration under several seeds, `top` for the sweep's best trials.
        size: how many members at most.
    """

    kind: Literal["ensemble"] = "ensemble"
    members: Literal["seeds", "top"] = "seeds"
    size: int = 4

    @property
    def name(self) -> str:
        """Name of the ensemble in tables."""
        return f"ensemble_{self.members}_{self.size}"


@dataclass(frozen=True, kw_only=True)
class PixelBaseline:
    """A linear model on the pixels of the same splits, once for each data set of a sweep.

    Attributes:
        size: images are reduced to so many pixels a side.
    """

    kind: Literal["baseline"] = "baseline"
    size: int = 64

    @property
    def name(self) -> str:
        """Name in tables."""
        return "linear_on_pixels"


NetworkTask: TypeAlias = Evaluation | Temperature | Laplace | Aopc | Conformal | Shift
PosthocSpec: TypeAlias = Evaluation | Temperature | Laplace | Aopc | Conformal | Shift | Ensemble | PixelBaseline


def posthoc_key(task: PosthocSpec, members: Sequence[str]) -> str:
    """Key of a post-hoc result: the task and its members' keys (sorted, since their order changes nothing)."""
    version = VERSIONS[task.kind] * 1000 + VERSIONS["predict"]
    return content_key(task.kind, version=version, settings=task, inputs=sorted(members))
