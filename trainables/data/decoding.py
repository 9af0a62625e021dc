"""From an image file to grey values: one convention for every format.

**Intensity.** The full range of the file's bit depth becomes 0 to 255; nothing is stretched by content, so that two
images stay comparable. 8-bit grey is taken as it is, colour by ITU-R 601 luma, transparent parts are black, a palette
is looked up. 16-bit grey is scaled by 65535; if no value is above 4095 by 4095, because such files hold the 12 bits of
a detector, and if none is above 255 by 255. Float images must lie in [0, 1]. Where a TIFF says that white is zero, it
is inverted. DICOM goes through its rescaling, then its first look-up table or window, whose range becomes 0 to 255; where
it has none of them, the full range of its stored bits. MONOCHROME1 is inverted (see `dicom_intensity`).

**Geometry.** EXIF orientation is followed; the largest centred square is cut out and resized (Lanczos, antialiased),
which is: shorter side to `size`, centre crop.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from trainables.data import dicom
from trainables.data.formats import FORMATS, LARGEST_PIXELS, SUFFIXES, bomb
from trainables.data.problems import BadImage, bad_image

__all__ = [
    "FORMATS",
    "LARGEST_PIXELS",
    "SUFFIXES",
    "THUMBNAIL",
    "decode_grey",
    "decode_mask",
    "decode_with_thumbnail",
]

THUMBNAIL = 32
"""Side of the thumbnail in which near-duplicates are looked for."""

_ORIENTATION, _BITS, _PHOTOMETRIC, _WHITE_IS_ZERO = 0x0112, 258, 262, 0


def decode_grey(path: Path, size: int) -> NDArray[np.uint8]:
    """Decode an image file to [size, size] grey values by the convention of this module.

    Raises:
        BadImage: a file that is missing, empty, truncated, unreadable, huge, animated or of one grey value.
    """
    return decode_with_thumbnail(path, size)[0]


def decode_with_thumbnail(
    source: Path | NDArray[np.uint8], size: int, *, name: str = ""
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Decode as `decode_grey` does, with a thumbnail of the whole image that does not depend on `size`.

    Args:
        source: a file; or a raw image out of an archive, [height, width] or [height, width, 3].
        size: side of the decoded image.
        name: of an image out of an archive, for messages.

    Returns:
        [size, size] and [THUMBNAIL, THUMBNAIL] grey values.

    Raises:
        BadImage: see `decode_grey`.
    """
    path = source if isinstance(source, Path) else Path(name)
    image = _open_grey(source) if isinstance(source, Path) else Image.fromarray(source).convert("L")
    pixels = _square(image, size)
    if pixels.min() == pixels.max():
        raise bad_image(
            path,
            "constant",
            f"every pixel has the grey value {int(pixels[0, 0])}, and an image without content teaches a wrong label.",
            "Remove or replace the file.",
        )
    whole = image.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return pixels, _bytes(whole)


def grey_of(path: Path) -> NDArray[np.uint8]:
    """Decode an image file in full size, [height, width].

    Raises:
        BadImage: see `decode_grey`.
    """
    return _bytes(_open_grey(path))


def decode_mask(path: Path, size: int) -> NDArray[np.bool_]:
    """Decode a mask to [size, size], true where it is brighter than half; an empty mask is legal.

    Raises:
        BadImage: see `decode_grey`.
    """
    return _square(_open_grey(path), size) >= 128


def _open_grey(path: Path) -> Image.Image:
    """The whole image in mode L, or F with values from 0 to 255."""
    try:
        if path.stat().st_size == 0:
            raise bad_image(path, "zero_byte", "the file is empty (0 bytes).", "Copy it again, or remove it.")
        if dicom.is_dicom(path):
            return dicom.read_grey(path)
        with Image.open(path, formats=FORMATS) as image:
            _check_header(path, image)
            image.load()
            upright = ImageOps.exif_transpose(image) if image.getexif().get(_ORIENTATION, 1) != 1 else image
            return _grey(path, image, upright)
    except BadImage:
        raise
    except (MemoryError, RecursionError):
        raise  # the machine's trouble, not the file's
    except Exception as error:  # broken files make Pillow raise nearly anything: struct.error, KeyError, SyntaxError...
        raise _explained(path, error) from error


def _check_header(path: Path, image: Image.Image) -> None:
    width, height = image.size
    if width * height > LARGEST_PIXELS:
        raise bomb(path, f"{width} x {height} pixels")
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:  # MPO: a photograph with its previews
        raise bad_image(
            path,
            "animated",
            f"the file holds {getattr(image, 'n_frames', 1)} frames or pages, and a label belongs to one image.",
            "Save the frame that is meant as a file of its own.",
        )


def _grey(path: Path, opened: Image.Image, image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        return _deep(path, opened, np.asarray(image))
    if image.has_transparency_data:
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image.convert("RGBA"))
    # a palette has to pass through its colours; the others go straight
    return image.convert("RGB").convert("L") if image.mode in ("P", "CMYK", "YCbCr", "HSV") else image.convert("L")


def _deep(path: Path, opened: Image.Image, values: NDArray[np.generic]) -> Image.Image:
    """Scale 16-bit, 32-bit and float values to 0 to 255."""
    grey = values.astype(np.float32)
    lowest, highest = float(grey.min()), float(grey.max())
    full = 1.0 if opened.mode == "F" else _full_range(opened, highest)
    if not (lowest >= 0 and highest <= full):  # also where they are NaN
        rule = "a float image must lie between 0 and 1" if opened.mode == "F" else "16 bits hold 0 to 65535"
        raise bad_image(
            path,
            "range",
            f"its values go from {lowest:g} to {highest:g}, and {rule}; any scale would be a guess.",
            "Save it as 8- or 16-bit greyscale.",
        )
    grey *= 255.0 / full
    if isinstance(opened, TiffImagePlugin.TiffImageFile) and opened.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = 255.0 - grey  # Pillow inverts 8 bits itself, deeper ones not
    return Image.fromarray(grey)


def _full_range(opened: Image.Image, highest: float) -> float:
    if isinstance(opened, TiffImagePlugin.TiffImageFile) and opened.tag_v2.get(_BITS) == (12,):
        return 4095.0
    return next((full for full in (255.0, 4095.0) if highest <= full), 65535.0)


def _square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return _bytes(image.resize((size, size), Image.Resampling.LANCZOS, box=box))


def _bytes(image: Image.Image) -> NDArray[np.uint8]:
    values = np.asarray(image)
    return values if values.dtype == np.uint8 else np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _explained(path: Path, error: Exception) -> BadImage:
    if isinstance(error, Image.DecompressionBombError):
        return bomb(path, "more pixels than Pillow opens")
    if isinstance(error, FileNotFoundError):
        return bad_image(path, "missing", "the file does not exist.", "Restore it, or remove what names it.")
    if isinstance(error, UnidentifiedImageError):
        return bad_image(
            path,
            "unreadable",
            f"the content is no {', '.join(FORMATS)} or DICOM image, whatever the name says.",
            "Convert it, or remove it.",
        )
    if "truncated" in str(error).lower() or isinstance(error, EOFError | struct.error):
        return bad_image(path, "truncated", f"the file is truncated ({error}).", "Copy it again, or remove it.")
    return bad_image(
        path, "unreadable", f"the image cannot be decoded ({type(error).__name__}: {error}).", "Replace or remove it."
    )
