"""What images a trial sees: the data set, and how it is split. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from trainables.spec.layouts import FileSpec

SplitName: TypeAlias = Literal["train", "val", "calib", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "calib", "test")


@dataclass(frozen=True, kw_only=True)
class Synthetic:
    """Embedded synthetic chest radiographs with known lesions (`trainables.data.synthetic`).

    Attributes:
        images: how many images in all.
        size: side of the square image in pixels.
        images_per_patient: images that share a patient's anatomy.
        seed: seed of the generator, apart from the seed of training.
        label_noise: share of labels replaced by another class.
        shortcut: probability that the burned-in marker follows the class `opacity` in the training split only.
        multilabel: three independent findings as labels, in place of one class.
        lung_masks: whether the lungs of every image are kept too, for `lungs`; the images are the same.
        healthy: probability that an image shows no finding, whatever was drawn for it, so that classes are uneven.
    """

    kind: Literal["synthetic"] = "synthetic"
    images: int = 1600
    size: int = 64
    images_per_patient: int = 4
    seed: int = 0
    label_noise: float = 0.0
    shortcut: float = 0.0
    multilabel: bool = False
    lung_masks: bool = False
    healthy: float = 0.0

    def __post_init__(self) -> None:
        _at_least("data/images", self.images, 16)
        _at_least("data/size", self.size, 32)
        _at_least("data/images_per_patient", self.images_per_patient, 1)
        _share("data/label_noise", self.label_noise)
        _share("data/shortcut", self.shortcut)
        _share("data/healthy", self.healthy)
        if self.multilabel and self.label_noise:
            raise ValueError(
                f"data/label_noise is {self.label_noise} and data/multilabel is true; noise is defined for classes only. "
                "Set one of them back."
            )


DataSpec: TypeAlias = Synthetic | FileSpec


@dataclass(frozen=True, kw_only=True)
class Split:
    """Shares of val, calib and test; the rest is train. Disjoint by patient, stratified by class.

    The search reads val, calibration is fitted on calib, test is read once by post-hoc tasks.

    Attributes:
        val: share of val.
        calib: share of calib.
        test: share of test.
        seed: seed of the assignment.
        official: `keep` the splits that the data set names itself, and share out its training part over those it does not
            name; or `ignore` them, and share out everything.
    """

    val: float = 0.15
    calib: float = 0.1
    test: float = 0.15
    seed: int = 0
    official: Literal["keep", "ignore"] = "keep"

    def __post_init__(self) -> None:
        for name in ("val", "calib", "test"):
            _share(f"split/{name}", getattr(self, name))
        if self.val <= 0 or self.test <= 0:
            raise ValueError(f"split: val is {self.val} and test is {self.test}; both must be above 0.")
        if self.val + self.calib + self.test >= 0.95:
            raise ValueError(
                f"split: val + calib + test is {self.val + self.calib + self.test:.2f}, which leaves under 5 % to train "
                "on. Make one of them smaller."
            )


def _share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}; it is a share between 0 and 1.")


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} is {value}; it must be at least {least}.")
