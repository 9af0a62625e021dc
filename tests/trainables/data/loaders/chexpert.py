"""Writes a small data set in CheXpert's true layout."""

from collections.abc import Sequence
from pathlib import Path

from tests.trainables.data.conftest import radiograph
from trainables.spec import CHEXPERT_LABELS

NAME = "CheXpert-v1.0-small"
HEADER = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *CHEXPERT_LABELS]


def write(root: Path, patients: int = 12, *, held_out: int = 4) -> Path:
    """Two studies a patient, a frontal and a lateral image in the first; blank, uncertain and definite labels."""
    place = root / NAME
    train = [row for number in range(1, patients + 1) for row in _patient(place, "train", number)]
    valid = [row for number in range(64541, 64541 + held_out) for row in _patient(place, "valid", number)]
    write_csv(place / "train.csv", train)
    write_csv(place / "valid.csv", valid)
    return place


def write_csv(file: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> None:
    file.write_text("\n".join(",".join(cells) for cells in (header, *rows)) + "\n")


def labels(number: int, *, definite: bool = False) -> list[str]:
    """Every mark occurs in train; the validation set of CheXpert has only 1.0 and 0.0."""
    marks = ("1.0", "0.0") if definite else ("1.0", "", "0.0", "-1.0")
    return [marks[(number + column) % len(marks)] for column in range(len(CHEXPERT_LABELS))]


def _patient(place: Path, split: str, number: int) -> list[list[str]]:
    rows = []
    for study, view, name in (
        (1, "Frontal", "view1_frontal"),
        (1, "Lateral", "view2_lateral"),
        (2, "Frontal", "view1_frontal"),
    ):
        path = f"{split}/patient{number:05}/study{study}/{name}.jpg"
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        radiograph(number * 10 + len(rows)).convert("L").save(place / path, quality=95)
        # the projection is blank for lateral images
        projection = "AP" if view == "Frontal" else ""
        rows.append(
            [f"{NAME}/{path}", "Female", "61", view, projection, *labels(number + study, definite=split == "valid")]
        )
    return rows
