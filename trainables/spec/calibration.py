"""Settings of the calibrators beside one temperature. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Method: TypeAlias = Literal[
    "temperature_per_label", "platt", "isotonic", "histogram", "bbq", "vector", "matrix", "dirichlet"
]
Binning: TypeAlias = Literal["equal_mass", "equal_width"]

OF_CLASSES: tuple[Method, ...] = ("vector", "matrix")
"""Defined for one class an image only."""
OF_LABELS: tuple[Method, ...] = ("temperature_per_label",)
"""Defined for labels that do not exclude each other only."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A map from the logits of a network to calibrated ones, fitted on calib.

    Attributes:
        method: `temperature_per_label`; `platt`, `isotonic`, `histogram`, `bbq`, each a label or one class against the
            rest; `vector`, `matrix`, `dirichlet`, linear in the logits or log probabilities of all classes.
        bins: of `histogram`, at most so many.
        binning: of `histogram`, bins of equal mass or of equal width.
        regularisation: of `matrix` and `dirichlet`, the weight of the penalty on off-diagonal weights and intercepts (ODIR,
            Kull et al. 2019); None for the best of a grid by cross-validation on calib.

    Raises:
        ValueError: no bins, or a negative weight.
    """

    kind: Literal["calibration"] = "calibration"
    method: Method = "platt"
    bins: int = 15
    binning: Binning = "equal_mass"
    regularisation: float | None = None

    def __post_init__(self) -> None:
        if self.bins < 1:
            raise ValueError(f"bins of a Calibration is {self.bins}; a histogram has at least 1. The default is 15.")
        if self.regularisation is not None and not self.regularisation >= 0:
            raise ValueError(
                f"regularisation of a Calibration is {self.regularisation}; a penalty has a weight of 0 or more. Leave it "
                "out to have it chosen by cross-validation."
            )

    @property
    def name(self) -> str:
        """Prefix of the metrics' names: the method, and the settings that are not the usual ones."""
        if self.method == "histogram":
            width = "" if self.binning == "equal_mass" else "_equal_width"
            return self.method + width + ("" if self.bins == 15 else f"_{self.bins}")
        if self.method in ("matrix", "dirichlet") and self.regularisation is not None:
            return f"{self.method}_{self.regularisation:g}".replace("+", "")
        return self.method
