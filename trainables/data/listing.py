"""What a data set names: files with their labels, before any pixel is read. Every loader of files returns one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainables.data.problems import DataProblem

UNCERTAIN, BLANK = -1, -2
"""Marks of a label that its reader was uncertain about, and of one that is not mentioned."""


class Row(NamedTuple):
    """What a data set says about one image.

    Attributes:
        image_id: path below the data folder, with forward slashes; or a name inside an archive.
        target: number of the class; or, with several labels, 1, 0, `UNCERTAIN` or `BLANK` for each.
        patient: who it shows.
        study: the visit it was taken at; no two patients share a study's name.
        split: the data set's own name of its official split.
        view: `frontal` or `lateral`.
        lung_mask: path of the mask of the lungs below the data folder.
        finding_mask: path of the mask of what makes the label.
        line: where it stands in the file with the labels, counted from 1 with the header.
    """

    image_id: str
    target: int | tuple[int, ...]
    patient: str | None = None
    study: str | None = None
    split: str | None = None
    view: str | None = None
    lung_mask: str | None = None
    finding_mask: str | None = None
    line: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Listing:
    """The images of a data set on disk.

    Attributes:
        root: the data folder.
        classes: names of the classes, or of the labels.
        targets: [images] int64 class numbers; or [images, labels] int8 of 1, 0, `UNCERTAIN` and `BLANK`.
        image_ids: path of every image below the root, with forward slashes; all different.
        patients: patient of every image, None where unknown; so are the next ones.
        studies: study of every image.
        official: the data set's own name of every image's split.
        views: `frontal` or `lateral`.
        lung_masks: path of every image's lung mask below the root, None where it has none.
        finding_masks: path of the mask of what makes the label.
        lines: where the image stands in the file with the labels, counted from 1.
        remarks: sentences that the report carries.
        problems: what is wrong with images that the data set names and that are therefore not among the rows; each is about
            one image.
        archive: the file below the root that holds the images, where they are no files of their own.
        native_size: side of the images in an archive.
    """

    root: Path
    classes: tuple[str, ...]
    targets: NDArray[Any]
    image_ids: tuple[str, ...]
    patients: tuple[str | None, ...]
    studies: tuple[str | None, ...]
    official: tuple[str | None, ...]
    views: tuple[str | None, ...]
    lung_masks: tuple[str | None, ...]
    finding_masks: tuple[str | None, ...]
    lines: tuple[int | None, ...]
    remarks: tuple[str, ...] = ()
    problems: tuple[DataProblem, ...] = ()
    archive: str | None = None
    native_size: int | None = None

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def multilabel(self) -> bool:
        """Whether an image may have several labels."""
        return self.targets.ndim == 2

    @property
    def named(self) -> int:
        """Images that the data set names, the bad ones among them."""
        return len(self) + len(self.problems)

    def files(self) -> list[str]:
        """Every file that holds pixels, below the root."""
        if self.archive is not None:
            return [self.archive]
        masks = (mask for mask in (*self.lung_masks, *self.finding_masks) if mask is not None)
        return [*self.image_ids, *dict.fromkeys(masks)]

    def take(self, rows: Sequence[int]) -> Listing:
        """The images of the given rows."""
        columns: dict[str, Any] = {name: tuple(getattr(self, name)[n] for n in rows) for name in _COLUMNS}
        return replace(self, targets=self.targets[list(rows)], **columns)

    def counts(self) -> dict[str, int]:
        """Images by class, or by label that is present."""
        of = self.targets == 1 if self.multilabel else self.targets[:, None] == np.arange(len(self.classes))
        return {name: int(of[:, n].sum()) for n, name in enumerate(self.classes)}

    def content(self) -> list[Any]:
        """Everything but the pixels, as JSON values: part of what names the data set."""
        told = [name for name in _COLUMNS if name != "lines"]
        columns = [getattr(self, name) for name in told if any(getattr(self, name))]
        return [self.classes, self.targets.tolist(), *columns]


_COLUMNS = ("image_ids", "patients", "studies", "official", "views", "lung_masks", "finding_masks", "lines")


def listing_of(
    root: Path,
    classes: Sequence[str],
    rows: Sequence[Row],
    *,
    remarks: Sequence[str] = (),
    problems: Sequence[DataProblem] = (),
    archive: str | None = None,
    native_size: int | None = None,
) -> Listing:
    """Make a listing from its rows; several labels if their targets are tuples."""
    several = any(isinstance(row.target, tuple) for row in rows[:1])
    shape = (len(rows), len(classes)) if several else (len(rows),)
    targets: NDArray[Any] = np.array([row.target for row in rows], np.int8 if several else np.int64).reshape(shape)
    return Listing(
        root=root,
        classes=tuple(classes),
        targets=targets,
        image_ids=tuple(row.image_id for row in rows),
        patients=tuple(row.patient for row in rows),
        studies=tuple(row.study for row in rows),
        official=tuple(row.split for row in rows),
        views=tuple(row.view for row in rows),
        lung_masks=tuple(row.lung_mask for row in rows),
        finding_masks=tuple(row.finding_mask for row in rows),
        lines=tuple(row.line for row in rows),
        remarks=tuple(remarks),
        problems=tuple(problems),
        archive=archive,
        native_size=native_size,
    )
