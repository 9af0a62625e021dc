"""The arrays of a MedMNIST file: their types and shapes, and what their labels mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from trainables.data.decoding import LARGEST_PIXELS
from trainables.data.listing import Row
from trainables.data.medmnist_names import names_of
from trainables.data.npz import header_of, read_whole
from trainables.data.problems import DataProblem
from trainables.data.wording import shown

Labels: TypeAlias = list[int | list[int]]


class Part(NamedTuple):
    """A split of a file.

    Attributes:
        split: its name.
        height: of its images, in pixels; so is the width.
        labels: class of each image; or, of several labels, whether it has each.
        columns: labels an image, 1 where they are classes.
    """

    split: str
    height: int
    width: int
    labels: Labels
    columns: int


def read_part(file: Path, split: str, keys: Collection[str]) -> Part:
    """Read the labels of a split, and of its images the shape.

    Raises:
        DataProblem: an array that is missing, damaged, or of another type or shape.
    """
    for key, other in ((f"{split}_images", f"{split}_labels"), (f"{split}_labels", f"{split}_images")):
        if key not in keys:
            raise _wrong(
                file, f"it has {other!r} and no {key!r}", "Both are needed; copy the file again.", "missing_column"
            )
    count, height, width = _images_shape(file, f"{split}_images")
    labels, columns = _read_labels(file, f"{split}_labels")
    if len(labels) != count:
        raise _wrong(
            file,
            f"'{split}_images' has {count} images and '{split}_labels' {len(labels)} labels",
            "Each image has one; make the file again.",
        )
    return Part(split, height, width, labels, columns)


def require_alike(file: Path, parts: Sequence[Part]) -> None:
    """Refuse splits of images of other sizes or with other labels than the first.

    Raises:
        DataProblem: names both.
    """
    first = parts[0]
    for part in parts[1:]:
        for what, one, other in (
            ("size", (first.height, first.width), (part.height, part.width)),
            ("number of labels", first.columns, part.columns),
        ):
            if one != other:
                raise _wrong(
                    file,
                    f"the {what} of an image is {one} in {first.split!r} and {other} in {part.split!r}",
                    "Splits of one data set share it; make the file again.",
                )


def meaning_of(file: Path, parts: Sequence[Part]) -> tuple[tuple[str, ...], Mapping[int, int] | None]:
    """Names of the classes, and which of them a number in the file means; None where there are several labels."""
    known, columns = names_of(file.stem), parts[0].columns
    if columns > 1:
        return known if known and len(known) == columns else tuple(f"label {n}" for n in range(columns)), None
    if known:
        return known, {n: n for n in range(len(known))}
    there = sorted({label for part in parts for label in part.labels if isinstance(label, int) and label >= 0})
    return tuple(f"class {label}" for label in there), {label: n for n, label in enumerate(there)}


def rows_of(
    file: Path, part: Part, numbers: Mapping[int, int] | None, classes: int
) -> tuple[list[Row], list[DataProblem]]:
    """The images of a split whose labels mean something, and what is wrong with the others."""
    rows: list[Row] = []
    problems: list[DataProblem] = []
    for n, label in enumerate(part.labels):
        image_id = f"{part.split}/{n:06d}"
        target = _target(label, numbers)
        if target is not None:
            rows.append(Row(image_id, target, split=part.split))
            continue
        known = names_of(file.stem)
        rule = (
            "each is 0 or 1"
            if numbers is None
            else f"classes are 0 to {classes - 1}"
            if known
            else "a class is at least 0"
        )
        problems.append(
            DataProblem(
                f"{file}: image {n} of '{part.split}_images' has the label {shown(label)}, and {rule}. Correct it in "
                f"'{part.split}_labels'.",
                "label_range",
                file.parent / image_id,
            )
        )
    return rows, problems


def _target(label: int | list[int], numbers: Mapping[int, int] | None) -> int | tuple[int, ...] | None:
    if isinstance(label, int):
        return (numbers or {}).get(label)
    return tuple(label) if set(label) <= {0, 1} else None


def _images_shape(file: Path, key: str) -> tuple[int, int, int]:
    """Images, height and width."""
    header = header_of(file, key)
    shape = header.shape
    if header.dtype != "uint8":
        raise _wrong(file, f"{key!r} is of type {shown(header.dtype)}, not uint8", "Save grey values from 0 to 255.")
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] != 3) or 0 in shape[1:]:
        raise _wrong(
            file,
            f"{key!r} has the shape {shown(shape)}, not [images, height, width] or [images, height, width, 3]",
            "Volumes cannot be used; use a two-dimensional data set.",
        )
    if header.by_columns:
        raise _wrong(
            file,
            f"{key!r} is saved in Fortran's order, in which an image lies scattered over the file",
            "Save numpy.ascontiguousarray of it.",
        )
    if shape[1] * shape[2] > LARGEST_PIXELS:
        raise _wrong(
            file,
            f"an image of {key!r} has {shape[1]} x {shape[2]} pixels; at most {LARGEST_PIXELS:,} are read",
            "Make them smaller.",
            "bomb",
        )
    return shape[0], shape[1], shape[2]


def _read_labels(file: Path, key: str) -> tuple[Labels, int]:
    """Labels as numbers, or as lists of several, and how many an image has."""
    header = header_of(file, key)
    shape = header.shape
    if header.dtype.kind not in "iub":
        raise _wrong(file, f"{key!r} is of type {shown(header.dtype)}, not of integers", "Save whole numbers.")
    if len(shape) not in (1, 2) or 0 in shape[1:]:
        raise _wrong(
            file,
            f"{key!r} has the shape {shown(shape)}, not [images], [images, 1] or [images, labels]",
            "Save it in one of these.",
        )
    values = read_whole(file, key).astype("int64" if header.dtype.kind == "b" else header.dtype)
    columns = shape[1] if len(shape) == 2 else 1
    labels: Labels = (values.reshape(-1) if columns == 1 else values).tolist()
    return labels, columns


def _wrong(file: Path, what: str, way_out: str, kind: str = "layout") -> DataProblem:
    return DataProblem(f"{file}: {what}. {way_out}", kind, file)
