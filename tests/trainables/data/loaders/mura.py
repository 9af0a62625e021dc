"""A small data set in the layout of MURA v1.1, with the quirks of the published one."""

from pathlib import Path

from tests.trainables.data.conftest import radiograph

STUDIES = (
    ("train", "XR_WRIST", "patient00001", "study1_positive", ("image1", "image2", "image10")),
    ("train", "XR_WRIST", "patient00002", "study1_negative", ("image2", "image3")),
    ("train", "XR_WRIST", "patient00002", "study2_negative", ("image1",)),
    ("train", "XR_ELBOW", "patient00002", "study1_positive", ("image1", "image2")),
    ("train", "XR_ELBOW", "patient00003", "study1_negative", ("image1",)),
    ("train", "XR_CHEST", "patient00004", "study1_positive", ("image1",)),
    ("train", "XR_CHEST", "patient00005", "study1_negative", ("image1",)),
    ("valid", "XR_WRIST", "patient00101", "study1_negative", ("image1",)),
    ("valid", "XR_ELBOW", "patient00102", "study1_positive", ("image1",)),
    ("valid", "XR_CHEST", "patient00103", "study1_positive", ("image1",)),
)
IMAGES = sum(len(images) for *_, images in STUDIES)


def write(root: Path) -> Path:
    """Write it; one patient has two body parts, and a Mac has left its hidden files."""
    folder = root / "MURA-v1.1"
    paths: dict[str, list[str]] = {"train": [], "valid": []}
    labels: dict[str, list[str]] = {"train": [], "valid": []}
    for number, (split, part, patient, study, images) in enumerate(STUDIES):
        place = f"{split}/{part}/{patient}/{study}"
        (folder / place).mkdir(parents=True)
        labels[split].append(f"MURA-v1.1/{place}/,{int(study.endswith('positive'))}")
        for image in images:
            radiograph(100 * number + int(image.removeprefix("image"))).save(folder / place / f"{image}.png")
            paths[split].append(f"MURA-v1.1/{place}/{image}.png")
        (folder / place / "._image1.png").write_bytes(b"mac")
    for split in ("train", "valid"):
        (folder / f"{split}_image_paths.csv").write_text("\n".join(paths[split]) + "\n")
        (folder / f"{split}_labeled_studies.csv").write_text("\n".join(labels[split]) + "\n")
    (folder / ".DS_Store").write_bytes(b"mac")
    return folder
