"""Which files are images by their name, and how large an image may be."""

from __future__ import annotations

from pathlib import Path

from trainables.data.problems import BadImage, bad_image

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
"""What Pillow is asked for."""
PILLOW_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
DICOM_SUFFIXES = (".dcm", ".dicom")
SUFFIXES = (*PILLOW_SUFFIXES, *DICOM_SUFFIXES)
"""A file whose name ends otherwise is no image to a data set."""
LARGEST_PIXELS = 80_000_000
"""Beyond this an image is taken for a decompression bomb; a mammogram has 30 million pixels."""


def bomb(path: Path, extent: str) -> BadImage:
    """Return the error about an image that is too large to be unpacked."""
    return bad_image(
        path,
        "bomb",
        f"the image has {extent}; beyond {LARGEST_PIXELS:,} it is taken for a decompression bomb.",
        "Make it smaller, or remove it.",
    )
