"""What is computed after training: the settings of each post-hoc task. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from trainables.spec.among import among_suffix, require_among
from trainables.spec.attentive import AttentiveMaps
from trainables.spec.calibration import Calibration
from trainables.spec.canonical import content_key
from trainables.spec.explanations import (
    AopcStability,
    Explainer,
    ExplanationScores,
    FollowedOutput,
    Perturbation,
    RegionOrder,
    method_suffix,
)
from trainables.spec.judgement import Conformal, Shift
from trainables.spec.maps import EnsembleMaps, MemberMaps
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
    """Last-layer Laplace approximation on cached features (Daxberger et al. 2021), of a softmax or a sigmoid head.

    Attributes:
        hessian_structure: `diag`, `kron` or `full`; of labels that do not exclude each other `full` is a block a label.
        prior_precision: `marglik` (marginal likelihood on train), `grid` (NLL on calib over a grid of 100 values), or `cv` (the
            same over `folds` folds of calib, with the Gauss-Newton matrix of train and of the other folds).
        prior: `shared`, or `layerwise` for a precision of the bias's own (`diag` and `kron`).
        predictive: `probit`; `mc` with `samples` draws; `bridge`, or `bridge_norm` with its correction of the variance, for one
            class an image.
        memory_bytes: largest memory that the fit may take; beyond it `full` gives way to `kron`, and says so.
        folds: of `cv`.

    Raises:
        ValueError: a layer-wise prior of the full structure, less than one sample or two folds.
    """

    kind: Literal["laplace"] = "laplace"
    hessian_structure: Literal["diag", "kron", "full"] = "kron"
    prior_precision: Literal["marglik", "grid", "cv"] = "marglik"
    predictive: Literal["probit", "mc", "bridge", "bridge_norm"] = "probit"
    samples: int = 30
    memory_bytes: int = 4 * 2**30
    prior: Literal["shared", "layerwise"] = "shared"
    folds: int = 5

    def __post_init__(self) -> None:
        if self.prior == "layerwise" and self.hessian_structure == "full":
            raise ValueError(
                "Laplace prior 'layerwise' with hessian_structure 'full': the full matrix couples weight and bias, which then "
                "have no eigenbasis in common. Use 'diag' or 'kron', or prior 'shared'."
            )
        if self.samples < 1:
            raise ValueError(f"Laplace samples is {self.samples}; the predictive 'mc' draws at least 1.")
        if self.folds < 2:
            raise ValueError(f"Laplace folds is {self.folds}; cross-validation needs at least 2.")

    @property
    def name(self) -> str:
        """Prefix of the metrics' names."""
        tuned = "" if self.prior_precision == "marglik" else f"_{self.prior_precision}"
        prior = "" if self.prior == "shared" else f"_{self.prior}"
        predictive = "" if self.predictive == "probit" else f"_{self.predictive}"
        return f"laplace_{self.hessian_structure}{tuned}{prior}{predictive}"


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
    """Maps scored by the area over the perturbation curve (paper P3).

    All settings but `split`, `images` and `seed` are the convention, and two conventions are never compared: `name` differs
    with explainer, order, perturbation and output, and a sweep refuses two tasks of one name. The result's details have it.

    Attributes:
        explainer: method of the maps; a sweep leaves out networks that it is not defined for (`why_undefined`).
        images: at most so many correctly predicted images of the split, the first by a seeded order.
        cells: the image is divided into cells x cells regions, or None for the size of the explained map.
        noise: standard deviation of the normal noise added to a region, on intensities in [0, 1]; of `noise` only.
        seed: seed of the noise, the choice of images and the random control.
        order: `least_relevant_first` is the counterpart: there a good map has a small area.
        perturbation: what a region shows then, see `trainables.explain.perturbations`.
        output: what is followed; `probability` is the softmax, of several labels the sigmoid.
    """

    kind: Literal["aopc"] = "aopc"
    explainer: Explainer = "grad_cam"
    split: Literal["val", "test"] = "test"
    images: int = 200
    cells: int | None = None
    noise: float = 0.1
    seed: int = 0
    order: RegionOrder = "most_relevant_first"
    perturbation: Perturbation = "noise"
    output: FollowedOutput = "probability"

    def __post_init__(self) -> None:
        if self.perturbation != "noise" and self.noise != 0.1:
            raise ValueError(
                f"posthoc/aopc/noise is {self.noise}, and perturbation {self.perturbation!r} adds no noise. Leave one of both out."
            )

    @property
    def name(self) -> str:
        """Prefix of the metrics' names: `aopc`, then whatever differs from P3's convention."""
        lerf = "_lerf" if self.order == "least_relevant_first" else ""
        by = "" if self.perturbation == "noise" else f"_{self.perturbation}"
        return f"aopc{method_suffix(self.explainer)}{lerf}{by}" + ("" if self.output == "probability" else "_logit")


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
        among: only trials with that drawn parameter, such as `network=p1_small`; all of them if empty.
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
    among: str = ""
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
        require_among(self.among, self.members)

    @property
    def selects(self) -> bool:
        """Whether members are chosen by their predictions: then every complete trial is a candidate."""
        return self.members in ("greedy", "diverse")

    @property
    def name(self) -> str:
        """Name of the ensemble in tables."""
        by = "" if self.metric == "nll" else f"_{self.metric}"
        of = f"_of_{self.of}" if self.of else ""
        return f"ensemble_{self.members}_{self.size}{by}{of}{among_suffix(self.among)}"


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


Explaining: TypeAlias = Aopc | AopcStability | ExplanationScores | MemberMaps | AttentiveMaps
NetworkTask: TypeAlias = (
    Evaluation | Temperature | Calibration | Conformal | Laplace | McDropout | Snapshots | Shift | Explaining
)
PosthocSpec: TypeAlias = NetworkTask | Ensemble | EnsembleMaps | PixelBaseline


def posthoc_key(task: PosthocSpec, members: Sequence[str]) -> str:
    """Key of a post-hoc result: the task and its members' keys (sorted, since their order changes nothing).

    An ensemble `of` another task has that task's results as its members, since they are what it pools.
    """
    version = VERSIONS[task.kind] * 1000 + VERSIONS["predict"]
    return content_key(task.kind, version=version, settings=task, inputs=sorted(members))
