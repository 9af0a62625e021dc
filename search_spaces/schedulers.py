"""What may end or replace poor trials before their schedule is over, as descriptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args


@dataclass(frozen=True, kw_only=True)
class Asha:
    """Asynchronous successive halving (Li et al. 2020): at every rung the worse ones end.

    Attributes:
        grace_epochs: no trial ends before this epoch, which is the first rung.
        reduction_factor: one in so many goes on, and the next rung is so many times further.
    """

    kind: Literal["asha"] = "asha"
    grace_epochs: int = 1
    reduction_factor: int = 3

    def __post_init__(self) -> None:
        _require("asha", "grace_epochs", self.grace_epochs, 1)
        _require("asha", "reduction_factor", self.reduction_factor, 2)

    def told(self) -> str:
        """What it does, for people."""
        return f"ASHA from epoch {self.grace_epochs}, one in {self.reduction_factor} goes on"


@dataclass(frozen=True, kw_only=True)
class MedianStopping:
    """The median stopping rule (Golovin et al. 2017, Vizier, section 3.2.2).

    A trial ends when the best value that it has reached is worse than the median of the others' means up to the same epoch.

    Attributes:
        grace_epochs: no trial ends before this epoch, and means begin with it.
        min_trials: how many others must have come as far.
    """

    kind: Literal["median"] = "median"
    grace_epochs: int = 1
    min_trials: int = 3

    def __post_init__(self) -> None:
        _require("median", "grace_epochs", self.grace_epochs, 1)
        _require("median", "min_trials", self.min_trials, 1)

    def told(self) -> str:
        """What it does, for people."""
        return f"median stopping from epoch {self.grace_epochs}, against {self.min_trials} others at least"


@dataclass(frozen=True, kw_only=True)
class HyperBand:
    """HyperBand (Li et al. 2018) without waiting: ASHA in several brackets, whose first rungs lie ever further.

    Successive halving may end a trial that begins slowly; each further bracket gives its trials `reduction_factor` times as
    many epochs before the first of them ends. The HyperBand of the paper fills a bracket and pauses its trials until all have
    reached a rung; here a trial is judged when it comes, as in ASHA, so that no worker waits. The bracket follows from the
    trial's number: every `reduction_factor`-th trial goes to the second bracket, of these every `reduction_factor`-th to the
    third one, and so on. Trials are judged against those of their own bracket.

    Attributes:
        grace_epochs: first rung of the first bracket.
        reduction_factor: one in so many goes on; rungs and brackets are so many times further.
        brackets: how many there are.
    """

    kind: Literal["hyperband"] = "hyperband"
    grace_epochs: int = 1
    reduction_factor: int = 3
    brackets: int = 3

    def __post_init__(self) -> None:
        _require("hyperband", "grace_epochs", self.grace_epochs, 1)
        _require("hyperband", "reduction_factor", self.reduction_factor, 2)
        _require("hyperband", "brackets", self.brackets, 1)

    def bracket(self, number: int) -> int:
        """The bracket of a trial, 0 for the one with the earliest rung."""
        place, bracket = number + 1, 0
        while bracket < self.brackets - 1 and place % self.reduction_factor == 0:
            place, bracket = place // self.reduction_factor, bracket + 1
        return bracket

    def halving(self, bracket: int) -> Asha:
        """What happens in a bracket."""
        grace = self.grace_epochs * self.reduction_factor**bracket
        return Asha(grace_epochs=grace, reduction_factor=self.reduction_factor)

    def told(self) -> str:
        """What it does, for people."""
        rungs = ", ".join(str(self.halving(each).grace_epochs) for each in range(self.brackets))
        return f"HyperBand, brackets from epochs {rungs}, one in {self.reduction_factor} goes on"


@dataclass(frozen=True, kw_only=True)
class Pbt:
    """Population based training (Jaderberg et al. 2017), in step and without chance of the clock.

    The sweep's `trials` are the population, drawn at random: no searcher goes with it. Every `interval` epochs all wait for
    each other. Then the worst end, and copies of the best take their places: they go on from their donor's weights and
    optimiser state with changed parameters. A copy is a trial of its own, with its lineage in its key; at the end there are
    as many complete networks as the population has members. Each keeps the best of the epochs since it went its own way.
    Parameters that need other weights or another optimiser (width, backbone, kind of loss) are inherited. The best
    configuration gets no further seeds, because no fixed configuration leads to it. A sweep's population cannot be extended.

    Attributes:
        interval: epochs between two comparisons.
        fraction: the share that gives way, one member at least; as many are donors.
        factor: a number is multiplied or divided by it.
        resample: probability that a parameter is drawn anew instead.
    """

    kind: Literal["pbt"] = "pbt"
    interval: int = 2
    fraction: float = 0.25
    factor: float = 1.2
    resample: float = 0.25

    def __post_init__(self) -> None:
        _require("pbt", "interval", self.interval, 1)
        if not 0 < self.fraction <= 0.5:
            raise ValueError(f"scheduler/fraction of pbt is {self.fraction:g}; it lies above 0 and is at most 0.5.")
        if self.factor <= 1:
            raise ValueError(f"scheduler/factor of pbt is {self.factor:g}; it is more than 1.")
        if not 0 <= self.resample <= 1:
            raise ValueError(f"scheduler/resample of pbt is {self.resample:g}; it is a probability, 0 to 1.")

    def told(self) -> str:
        """What it does, for people."""
        return f"PBT: every {self.interval} epochs the worst {self.fraction:.0%} give way to changed copies of the best"


Scheduler: TypeAlias = Asha | MedianStopping | HyperBand | Pbt
SCHEDULERS: dict[str, type[Scheduler]] = {each.kind: each for each in get_args(Scheduler)}


def _require(kind: str, name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"scheduler/{name} of {kind} is {value}; it is at least {least}.")
