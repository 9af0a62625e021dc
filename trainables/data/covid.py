"""The layout of the Kaggle "COVID-19 Radiography Database".

    <root>/COVID/images/COVID-1.png            <root>/COVID/masks/COVID-1.png     (lungs; later versions)
    <root>/Viral Pneumonia/images/...          <root>/COVID.metadata.xlsx         (compared with the images)

Four classes, or those of them that are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from trainables.data.covid_metadata import about_metadata
from trainables.data.listing import Listing, Row, listing_of
from trainables.data.paths import image_files
from trainables.data.problems import DataProblem
from trainables.data.selection import down_sample
from trainables.spec import CovidRadiography

CLASSES = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")
EXPECTED = "<class>/images/*.png, where the class folders are " + ", ".join(map(repr, CLASSES))


def matches(root: Path) -> bool:
    """Whether a folder has a class folder with an `images` folder in it."""
    return any((root / name / "images").is_dir() for name in CLASSES)


def list_files(root: Path, spec: CovidRadiography, renamed: Mapping[str, str] | None = None) -> Listing:
    """List the images of a folder in this layout.

    Args:
        root: the data folder.
        spec: changes nothing here.
        renamed: class by name of the folder, for folders that are called otherwise or shall count as another class.

    Raises:
        DataProblem: no class folder, a class folder of an unknown name or without images, a link that leaves the root.
    """
    folders = _class_folders(root, renamed or {})
    classes = tuple(dict.fromkeys(folders.values()))
    rows: list[Row] = []
    remarks: list[str] = []
    for folder, name in folders.items():
        images, others = _images_of(root, folder)
        masks = _masks_of(root, folder)
        rows += [
            Row(f"{folder}/images/{image}", classes.index(name), lung_mask=masks.get(Path(image).stem))
            for image in images
        ]
        remarks += [*_about_others(folder, others), *about_metadata(root / f"{folder}.metadata.xlsx", images)]
    return listing_of(root, classes, rows, remarks=(*remarks, *_about_masks([row.lung_mask for row in rows])))


def select(listing: Listing, spec: CovidRadiography) -> Listing:
    """Down-sample every class to the smallest, if asked for."""
    return down_sample(listing, spec.seed) if spec.down_sample else listing


def _images_of(root: Path, name: str) -> tuple[list[str], list[str]]:
    folder = root / name / "images"
    images, others = image_files(root, f"{name}/images") if folder.is_dir() else ([], [])
    if not images:
        raise DataProblem(
            f"{folder}: class {name!r} has no image there. The layout is {EXPECTED}. Put the images of the class there, or "
            "remove its folder.",
            "empty_class",
            folder,
        )
    return images, others


def _masks_of(root: Path, name: str) -> dict[str, str]:
    """Path of the lung mask by the stem of its image."""
    if not (root / name / "masks").is_dir():
        return {}
    return {Path(mask).stem: f"{name}/masks/{mask}" for mask in image_files(root, f"{name}/masks")[0]}


def _class_folders(root: Path, renamed: Mapping[str, str]) -> dict[str, str]:
    """Class by name of the folder: the published classes in their order, then what was renamed."""
    known = {name: renamed.get(name, name) for name in (*CLASSES, *sorted(renamed))}
    for folder in sorted(root.iterdir()):
        if folder.name not in known and (folder / "images").is_dir():
            raise DataProblem(
                f"{folder}: {folder.name!r} is no class of this layout, which is {EXPECTED}. Rename the folder to one of "
                "these classes, or move it away.",
                "unknown_class",
                folder,
            )
    return {folder: name for folder, name in known.items() if (root / folder).is_dir()}


def _about_others(name: str, others: list[str]) -> list[str]:
    if not others:
        return []
    return [f"{len(others)} files in {name}/images are no images by their name and were left out: {others[0]}, ..."]


def _about_masks(masks: list[str | None]) -> list[str]:
    without = masks.count(None)
    if without in (0, len(masks)):
        return []
    return [f"{without} of {len(masks)} images have no lung mask; no lung mask is used."]
