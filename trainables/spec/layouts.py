"""Data sets that lie on disk, each in the layout it is published in. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

CHEXPERT_LABELS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
CHEXPERT_FIVE = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")

UncertainPolicy: TypeAlias = Literal["zeros", "ones", "ignore", "smoothed"]
"""What a label that its reader was uncertain about (-1) counts as in training."""


@dataclass(frozen=True, kw_only=True)
class CovidRadiography:
    """The Kaggle "COVID-19 Radiography Database" layout: `<class>/images/*.png`, `masks/` where present.

    Attributes:
        size: side in pixels that images are resized to.
        down_sample: keep as many images of every class as the smallest one has (paper P3).
        seed: seed of the down-sampling.
    """

    kind: Literal["covid"] = "covid"
    size: int = 128
    down_sample: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        _size(self.size)


@dataclass(frozen=True, kw_only=True)
class Mura:
    """MURA v1.1: `MURA-v1.1/<train|valid>/XR_<PART>/patient<n>/study<n>_<positive|negative>/image<n>.png`.

    Attributes:
        size: side in pixels that images are resized to.
        label: the body part (seven classes, or those present), or whether the study is abnormal.
        first_image_only: take the first image of each study only (paper P1's code).
        down_sample: keep as many images of every class as the smallest one has.
        seed: seed of the down-sampling.
    """

    kind: Literal["mura"] = "mura"
    size: int = 224
    label: Literal["body_part", "abnormality"] = "body_part"
    first_image_only: bool = False
    down_sample: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        _size(self.size)


@dataclass(frozen=True, kw_only=True)
class Chexpert:
    """CheXpert, full or `-small`: `train.csv` and `valid.csv` with 14 labels of 1, 0, -1 (uncertain) or blank.

    The policy for uncertain labels changes what is trained on. In val, calib and test an uncertain label is left out of
    every metric, so that trials under different policies are judged by the same truth.

    Attributes:
        size: side in pixels that images are resized to.
        labels: which of the 14 labels are learnt; the five of the paper's competition by default.
        uncertain: one policy for all labels, or one for each label; the default is paper P2's.
        blank: whether a label that is not mentioned counts as absent, or is left out.
        view: `frontal`, `lateral` or `all` images.
        smoothed_low: lower end of the range that the policy `smoothed` draws targets from.
        smoothed_high: its upper end.
        seed: seed of those draws.
    """

    kind: Literal["chexpert"] = "chexpert"
    size: int = 224
    labels: tuple[str, ...] = CHEXPERT_FIVE
    uncertain: tuple[UncertainPolicy, ...] = ("zeros", "ones", "zeros", "ones", "zeros")
    blank: Literal["zeros", "ignore"] = "zeros"
    view: Literal["all", "frontal", "lateral"] = "all"
    smoothed_low: float = 0.55
    smoothed_high: float = 0.85
    seed: int = 0

    def __post_init__(self) -> None:
        _size(self.size)
        unknown = [name for name in self.labels if name not in CHEXPERT_LABELS]
        if unknown or not self.labels or len(set(self.labels)) != len(self.labels):
            raise ValueError(
                f"data/labels is {', '.join(self.labels) or 'empty'}; it names one or more of CheXpert's labels, each once: "
                f"{', '.join(CHEXPERT_LABELS)}."
            )
        if len(self.uncertain) not in (1, len(self.labels)):
            raise ValueError(
                f"data/uncertain names {len(self.uncertain)} policies for {len(self.labels)} labels. Give one for all of "
                "them, or one for each."
            )
        if not 0 <= self.smoothed_low <= self.smoothed_high <= 1:
            raise ValueError(
                f"data/smoothed_low is {self.smoothed_low} and data/smoothed_high {self.smoothed_high}; they are a range "
                "of probabilities."
            )

    def policies(self) -> tuple[UncertainPolicy, ...]:
        """The policy of each label."""
        return self.uncertain * len(self.labels) if len(self.uncertain) == 1 else self.uncertain


@dataclass(frozen=True, kw_only=True)
class ImageClef:
    """ImageCLEF medical annotation (IRMA): images in one folder, and a label file `image_id;code;...`.

    An IRMA code is four axes, `TTTT-DDD-AAA-BBB` (technique, direction, anatomy, biological system), each a hierarchy
    from left to right.

    Attributes:
        size: side in pixels that images are resized to.
        column: column with the class or code, or None for the first one that is known.
        axes: axes of an IRMA code that make the class, of T, D, A, B; codes that are no IRMA codes are taken whole.
        depth: characters kept of each axis, or None for all of them.
        min_images: classes with fewer images are removed (50 in paper P4).
    """

    kind: Literal["imageclef"] = "imageclef"
    size: int = 224
    column: str | None = None
    axes: str = "TDAB"
    depth: int | None = None
    min_images: int = 50

    def __post_init__(self) -> None:
        _size(self.size)
        if not self.axes or set(self.axes) - set("TDAB") or len(set(self.axes)) != len(self.axes):
            raise ValueError(f"data/axes is {self.axes!r}; it names axes of an IRMA code, such as 'TDAB' or 'A'.")
        if self.depth is not None and self.depth < 1:
            raise ValueError(f"data/depth is {self.depth}; keep at least 1 character of each axis, or none for all.")
        _at_least_one("data/min_images", self.min_images)


@dataclass(frozen=True, kw_only=True)
class MedMnist:
    """A two-dimensional MedMNIST file, `<name>.npz` with `train_images`, `train_labels` and so on.

    Attributes:
        size: side in pixels that images are resized to, or None for the file's own.
        name: which file of a folder that holds several, such as `chestmnist` or `pneumoniamnist_224`.
    """

    kind: Literal["medmnist"] = "medmnist"
    size: int | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            _size(self.size)


@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """One folder a class, images at any depth below it; or the same inside `train`, `val` and `test` folders.

    DICOM files count as images; their patients and studies are read from them.

    Attributes:
        size: side in pixels that images are resized to.
        down_sample: keep as many images of every class as the smallest one has.
        seed: seed of the down-sampling.
    """

    kind: Literal["folder"] = "folder"
    size: int = 224
    down_sample: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        _size(self.size)


@dataclass(frozen=True, kw_only=True)
class ImageTable:
    """A CSV or Parquet file with a path and one or several labels an image, and images beside or below it.

    One label column names the class. Several hold 1, 0, -1 (uncertain) or nothing each, as in CheXpert.

    Attributes:
        size: side in pixels that images are resized to.
        path: column with paths, relative to the file's folder.
        labels: columns with the labels.
        patient: column with the patient, used if it is there.
        study: column with the study, used if it is there.
        split: column with `train`, `val`, `calib` or `test`, used if it is there.
        mask: column with paths of masks of the finding, used if it is there.
        uncertain: policy for uncertain labels, one for all or one for each; see `Chexpert`.
        blank: whether an empty label counts as absent, or is left out.
        seed: seed of what the policy `smoothed` draws, from 0.55 to 0.85.
    """

    kind: Literal["table"] = "table"
    size: int = 224
    path: str = "path"
    labels: tuple[str, ...] = ("label",)
    patient: str = "patient"
    study: str = "study"
    split: str = "split"
    mask: str = "mask"
    uncertain: tuple[UncertainPolicy, ...] = ("ignore",)
    blank: Literal["zeros", "ignore"] = "zeros"
    seed: int = 0

    def __post_init__(self) -> None:
        _size(self.size)
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise ValueError("data/labels names the columns with labels, each once; it is empty or names one twice.")
        if len(self.uncertain) not in (1, len(self.labels)):
            raise ValueError(
                f"data/uncertain names {len(self.uncertain)} policies for {len(self.labels)} labels. Give one for all of "
                "them, or one for each."
            )

    def policies(self) -> tuple[UncertainPolicy, ...]:
        """The policy of each label."""
        return self.uncertain * len(self.labels) if len(self.uncertain) == 1 else self.uncertain


FileSpec: TypeAlias = CovidRadiography | Mura | Chexpert | ImageClef | MedMnist | ImageFolder | ImageTable
"""A data set of files."""


def _size(value: int) -> None:
    if value < 16:
        raise ValueError(f"data/size is {value}; it must be at least 16.")


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} is {value}; it must be at least 1.")
