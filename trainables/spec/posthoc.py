"""What is computed after training: the settings of each post-hoc task. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from trainables.spec.attentive import AttentiveMaps
from trainables.spec.calibration import Calibration
from trainables.spec.canonical import content_key
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
class McDropout:
    """Members from one network whose dropout stays on while it predicts (Gal and Ghahramani 2016).

    Of networks with dropout only; a sweep leaves the others out (`why_undefined`).

    Attributes:
        samples: members, each with other units dropped.
        seed: determines the masks.
    """

    kind: Literal["mc_dropout"] = "mc_dropout"
    samples: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 2:
            raise ValueError(f"posthoc/mc_dropout/samples is {self.samples}; members that can differ are 2 or more.")

    @property
    def name(self) -> str:
        """Prefix of the metrics' names."""
        return "mc_dropout"


@dataclass(frozen=True, kw_only=True)
class Snapshots:
    """Members from one training: the network at the end of each cycle of its learning rate (Huang et al. 2017).

    Of networks with `Schedule.cycles` above 1 only; a sweep leaves the others out (`why_undefined`).

    Attributes:
        last: the last so many cycles, or None for all of them.
    """

    kind: Literal["snapshots"] = "snapshots"
    last: int | None = None

    def __post_init__(self) -> None:
        if self.last is not None and self.last < 2:
            raise ValueError(f"posthoc/snapshots/last is {self.last}; members that can differ are 2 or more.")

    @property
    def name(self) -> str:
        """Prefix of the metrics' names."""
        return "snapshots" if self.last is None else f"snapshots_{self.last}"


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
    """Several networks as one: their probabilities are averaged, then calibrated.

    Attributes:
        members: `seeds` for the best configuration under several seeds, `top` for the sweep's best trials, `greedy` for a
            selection with replacement among all complete trials (Caruana et al. 2004), `diverse` for one without
            replacement that pays for diversity.
        size: how many members at most; of `greedy` how many picks, repetitions counted.
        metric: what `greedy` and `diverse` select by on val, and what names the best single member there.
        diversity: of `diverse`, what a nat of disagreement among the members is worth.
        of: name of a task of the sweep (`laplace_kron`) whose predictions are pooled in place of the networks' own.
        sizes: also the quality of random subsets of so many members; sizes beyond the members are left out.
        draws: random subsets for each of the sizes.
        seed: seed of these subsets.
    """

    kind: Literal["ensemble"] = "ensemble"
    members: Literal["seeds", "top", "greedy", "diverse"] = "seeds"
    size: int = 4
    metric: Literal["nll", "accuracy", "auroc"] = "nll"
    diversity: float = 0.5
    of: str = ""
    sizes: tuple[int, ...] = ()
    draws: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size < 1 or self.draws < 1 or any(size < 1 for size in self.sizes):
            raise ValueError(
                f"Ensemble got size {self.size}, sizes {self.sizes} and {self.draws} draws; each is 1 at least."
            )
        if not self.diversity >= 0:
            raise ValueError(f"Ensemble got diversity {self.diversity}; it is 0 or above, 0 selects by quality alone.")

    @property
    def selects(self) -> bool:
        """Whether members are chosen by their predictions: then every complete trial is a candidate."""
        return self.members in ("greedy", "diverse")

    @property
    def name(self) -> str:
        """Name of the ensemble in tables."""
        by = "" if self.metric == "nll" else f"_{self.metric}"
        return f"ensemble_{self.members}_{self.size}{by}" + (f"_of_{self.of}" if self.of else "")


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


NetworkTask: TypeAlias = Evaluation | Temperature | Calibration | Laplace | McDropout | Snapshots | Aopc | AttentiveMaps
PosthocSpec: TypeAlias = NetworkTask | Ensemble | PixelBaseline


def posthoc_key(task: PosthocSpec, members: Sequence[str]) -> str:
    """Key of a post-hoc result: the task and its members' keys (sorted, since their order changes nothing).

    An ensemble `of` another task has that task's results as its members, since they are what it pools.
    """
    version = VERSIONS[task.kind] * 1000 + VERSIONS["predict"]
    return content_key(task.kind, version=version, settings=task, inputs=sorted(members))
