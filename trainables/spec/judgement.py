"""Settings of the tasks that judge a network further: prediction sets, and images that are not as those it knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Corruption: TypeAlias = Literal["rotation", "noise", "blur", "contrast", "jpeg"]
CORRUPTIONS: tuple[Corruption, ...] = ("rotation", "noise", "blur", "contrast", "jpeg")
SEVERITIES = 5


@dataclass(frozen=True, kw_only=True)
class Conformal:
    """Sets of classes that hold the true one with probability 1 - alpha, whatever the network (Vovk et al. 2005).

    Attributes:
        method: `lac` (Sadinle et al. 2019), `aps` (Romano et al. 2020) or `raps` (Angelopoulos et al. 2021).
        alpha: share of images whose set may miss the true class.
        randomised: of `aps` and `raps`, whether the last class enters by a drawn share of its probability. Then coverage is
            close to 1 - alpha and a set may be empty; otherwise it is at least 1 - alpha, and every set has the most
            probable class.
        penalty: of `raps`, what a set pays for every class beyond `free_classes`.
        free_classes: of `raps`, classes that cost nothing.
        seed: of the drawn shares.
    """

    kind: Literal["conformal"] = "conformal"
    method: Literal["lac", "aps", "raps"] = "raps"
    alpha: float = 0.1
    randomised: bool = False
    penalty: float = 0.01
    free_classes: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"Conformal(alpha={self.alpha}): alpha is a share above 0 and below 1, such as 0.1.")
        if self.penalty < 0 or self.free_classes < 0:
            raise ValueError(
                f"Conformal(penalty={self.penalty}, free_classes={self.free_classes}): neither may be below 0. "
                "penalty=0 is APS."
            )

    @property
    def name(self) -> str:
        """Prefix of the metrics' names."""
        drawn = "_randomised" if self.randomised and self.method != "lac" else ""
        share = "" if self.alpha == 0.1 else f"_{self.alpha:g}"
        return f"conformal_{self.method}{drawn}{share}"


@dataclass(frozen=True, kw_only=True)
class Shift:
    """The network on test images that are turned, noisy, blurred, flat or compressed, at severities 1 to 5.

    Attributes:
        corruptions: which ones.
        images: at most so many images of test, the first by a seeded order; all of them with None.
        seed: of the choice and of the noise.
    """

    kind: Literal["shift"] = "shift"
    corruptions: tuple[Corruption, ...] = CORRUPTIONS
    images: int | None = 500
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.corruptions or len(set(self.corruptions)) < len(self.corruptions):
            raise ValueError(
                f"Shift(corruptions={self.corruptions}): name each corruption once, and at least one of "
                f"{', '.join(CORRUPTIONS)}."
            )
        if self.images is not None and self.images < 1:
            raise ValueError(f"Shift(images={self.images}): at least one image is needed, or None for all.")

    @property
    def name(self) -> str:
        """Prefix of the metrics' names."""
        return "shift"
