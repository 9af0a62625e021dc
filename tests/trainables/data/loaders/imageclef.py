"""A small data set in the layout of ImageCLEF's medical annotation task of 2009."""

from pathlib import Path

from tests.trainables.data.conftest import radiograph

HEADER = "image_id;irma_code;05_class;06_class;07_irma_code;08_irma_code"
CODES = ("1121-127-700-500", "1121-110-700-500", "1121-120-942-700", "1124-410-620-625", "112d-121-500-***")
IMAGES = 3 * len(CODES)


def write(root: Path, images: int = IMAGES) -> Path:
    """Write it: three images a code under numbers of their own, and files that are no label file."""
    folder = root / "imageclef"
    (folder / "images").mkdir(parents=True)
    lines = [HEADER]
    for n in range(images):
        image_id, code = 1880 + 7 * n, n % len(CODES)
        radiograph(n).save(folder / "images" / f"{image_id}.png")
        lines.append(f"{image_id};{CODES[code]};{10 - code};{code + 1};{CODES[code]};{CODES[code][:-1]}*")
    (folder / "labels.csv").write_text("\r\n".join(lines) + "\r\n")
    (folder / "manifest.csv").write_text("path,image_id,class_code\nimages/1880.png,1880,1\n")
    (folder / "README.md").write_text("image_id;irma_code\n")
    (folder / "images" / "._1880.png").write_bytes(b"mac")
    (folder / "images" / "Thumbs.db").write_bytes(b"windows")
    return folder
