"""One folder a class: the layout that is made most easily by hand.

    <root>/<class>/**/image.png                images at any depth below the folder of their class
    <root>/train/<class>/**/image.png          or the same inside train, val (valid, validation), test and calib folders

DICOM files are images too: `*.dcm`, `*.dicom`, or without a suffix as scanners write them; their patients and studies are
read from them. Hidden files are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from trainables.data.dicom import identity
from trainables.data.label_cells import SPLIT_NAMES, natural
from trainables.data.listing import Listing, Row, listing_of
from trainables.data.problems import DataProblem, several
from trainables.data.selection import down_sample
from trainables.data.trees import Tree, entries_of, folders_in, has_image, is_image, tree_below
from trainables.spec import ImageFolder, nearest

EXPECTED = (
    "<class>/**/<image> with at least two class folders and images at any depth below them, or the same inside folders "
    "'train', 'val', 'test' and 'calib'"
)

SEARCHED_FOLDERS = 100
"""Class folders that are looked into to tell the layout; what was asked about may be somebody's home."""


def matches(root: Path) -> bool:
    """Whether a folder has two class folders with images below them, or split folders that have."""
    try:
        classes: set[str] = set()
        for _, folder in _class_folders(root)[:SEARCHED_FOLDERS]:
            name = folder.rpartition("/")[2]
            if name not in classes and has_image(root / folder):
                classes.add(name)
                if len(classes) == 2:
                    return True
    except DataProblem:
        pass
    return False


def list_files(root: Path, spec: ImageFolder, renamed: Mapping[str, str] | None = None) -> Listing:
    """List the images of a folder in this layout.

    Args:
        root: the data folder.
        spec: changes nothing here.
        renamed: class by name of its folder, for folders that shall count as another class.

    Raises:
        DataProblem: a class without an image, a name of `renamed` that is no folder, a folder that cannot be read.
    """
    trees = {(split, folder): tree_below(root, folder) for split, folder in _class_folders(root)}
    names = {folder: folder.rpartition("/")[2] for _, folder in trees}
    _require_renamed(root, set(names.values()), renamed or {})
    names = {folder: (renamed or {}).get(name, name) for folder, name in names.items()}
    classes = tuple(sorted(dict.fromkeys(names.values()), key=natural))
    numbers = {name: number for number, name in enumerate(classes)}
    of_class: dict[str, dict[str, Tree]] = {name: {} for name in classes}
    for (_, folder), tree in trees.items():
        of_class[names[folder]][folder] = tree
    for name, its_trees in of_class.items():
        _require_images(root, name, its_trees)
    rows = [
        _row(root, image, numbers[names[folder]], split, image in tree.dicom)
        for (split, folder), tree in trees.items()
        for image in tree.images
    ]
    remarks = _remarks([other for tree in trees.values() for other in tree.others], _beside(root, trees))
    problems = [problem for tree in trees.values() for problem in tree.problems]
    return listing_of(root, classes, rows, remarks=remarks, problems=problems)


def select(listing: Listing, spec: ImageFolder) -> Listing:
    """Down-sample every class to the smallest, if asked for."""
    return down_sample(listing, spec.seed) if spec.down_sample else listing


def _class_folders(root: Path) -> list[tuple[str | None, str]]:
    """Split and path of every class folder; they are inside split folders where all folders have names of splits."""
    tops = folders_in(root)
    if tops and all(name.lower() in SPLIT_NAMES for name in tops):
        inside = [(SPLIT_NAMES[top.lower()], f"{top}/{name}") for top in tops for name in folders_in(root / top)]
        if inside:  # two classes may be called `train` and `test`, as vehicles are
            return list(inside)
    return [(None, name) for name in sorted(tops, key=natural)]


def _row(root: Path, image: str, target: int, split: str | None, is_dicom: bool) -> Row:
    patient, study = identity(root / image) if is_dicom else (None, None)
    return Row(image, target, patient=patient, study=study, split=split)


def _require_images(root: Path, name: str, trees: Mapping[str, Tree]) -> None:
    """Refuse a class of no image; if links are to blame, with what is wrong with them."""
    if any(tree.images for tree in trees.values()):
        return
    problems = [problem for tree in trees.values() for problem in tree.problems]
    if problems:
        raise several(problems)
    folder = root / next(iter(trees))
    raise DataProblem(
        f"{folder}: class {name!r} has no image there or below. The layout is {EXPECTED}. Put the images of the class there, "
        "or remove its folder.",
        "empty_class",
        folder,
    )


def _require_renamed(root: Path, folders: set[str], renamed: Mapping[str, str]) -> None:
    for folder, name in renamed.items():
        if folder not in folders:
            raise DataProblem(
                f"--map {folder}={name}: {root} has no class folder {folder!r}. {nearest(folder, folders)}",
                "unknown_class",
                root,
            )


def _beside(root: Path, trees: Mapping[tuple[str | None, str], Tree]) -> list[str]:
    """Images right in the data folder or in a split folder, which have no class."""
    above = sorted({folder.rpartition("/")[0] for _, folder in trees} | {""})
    files = [(folder, entry) for folder in above for entry in entries_of(root / folder) if entry.is_file()]
    return [
        f"{folder}/{entry.name}".lstrip("/")
        for folder, entry in files
        if Path(entry.name).suffix and is_image(Path(entry.path))
    ]


def _remarks(others: Sequence[str], beside: Sequence[str]) -> list[str]:
    said = []
    if others:
        said.append(f"{len(others)} files are no images by their names and were left out: {sorted(others)[0]}, ...")
    if beside:
        said.append(f"{len(beside)} images lie beside the class folders and were left out: {sorted(beside)[0]}, ...")
    return said
