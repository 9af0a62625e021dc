"""The stored values of a DICOM image, decompressed where pydicom and Pillow can."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from trainables.data.dicom_files import DECOMPRESS, EXPORT
from trainables.data.problems import bad_image

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

_FORMATS = ("JPEG", "JPEG2000")
_JP2, _FIRST_BOX = b"\0\0\0\x0cjP  ", 12


def stored_values(path: Path, dataset: Dataset) -> NDArray[Any]:
    """Return [height, width] stored values, or [height, width, 3] in red, green and blue.

    Raises:
        BadImage: too few pixels, a form that cannot be decoded here, or a stream of another size than the header says.
        Exception: nearly any other, from a damaged header.
    """
    syntax = _transfer_syntax(dataset)
    if syntax.is_transfer_syntax and not syntax.is_compressed:
        return _native(path, dataset)
    return _decompressed(path, dataset, syntax)


def _transfer_syntax(dataset: Dataset) -> UID:
    """The syntax that the file names, or that of files before there was such a name."""
    from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit = dataset.original_encoding[0]
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    return UID(dataset.file_meta.TransferSyntaxUID)


def _native(path: Path, dataset: Dataset) -> NDArray[Any]:
    from pydicom.pixels.utils import get_expected_length, pixel_array

    there, expected = len(dataset.PixelData), get_expected_length(dataset)
    if there < expected:
        rule = f"the file is truncated: {there} bytes of pixels, where its header tells of {expected}."
        raise bad_image(path, "truncated", rule, "Copy it again, or remove it.")
    if dataset.get("HighBit", dataset.BitsStored - 1) != dataset.BitsStored - 1:
        rule = f"its values do not end at bit 0 (HighBit {int(dataset.HighBit)}), which DICOM retired long ago."
        raise bad_image(path, "range", rule, EXPORT)
    return pixel_array(dataset, index=0)


def _decompressed(path: Path, dataset: Dataset, syntax: UID) -> NDArray[Any]:
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.pixels.utils import pixel_array

    name = syntax.name if syntax.is_transfer_syntax else "an unknown transfer syntax"
    kind = "unreadable"
    try:
        if not get_decoder(syntax).is_available:
            raise NotImplementedError
        if _fits(dataset):
            return pixel_array(dataset, index=0)
        reason = "and are of another size than the header says"
    except MemoryError:
        raise  # the machine's trouble, not the file's
    except NotImplementedError:
        reason = "which no library here decodes"
    except Exception as error:
        kind = "truncated" if "truncated" in str(error).lower() else kind
        reason = f"which cannot be decoded here ({type(error).__name__})"
    # here, where it has no context: a traceback would print the text of the error
    raise bad_image(path, kind, f"its pixels are compressed as {name}, {reason}.", DECOMPRESS)


def _fits(dataset: Dataset) -> bool:
    """Whether the compressed picture has the size that the header says; it might unpack to any other.

    Where Pillow cannot tell, run lengths unpack to 64 times their size at most, and other decoders look themselves.
    """
    from pydicom.encaps import get_frame

    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    _check_boxes(frame)
    try:
        with Image.open(io.BytesIO(frame), formats=_FORMATS) as image:
            return image.size == (dataset.Columns, dataset.Rows)
    except UnidentifiedImageError:
        return True


def _check_boxes(frame: bytes) -> None:
    """Refuse boxes around a JPEG 2000 stream that lead nowhere: pydicom 3.0 follows a box without length for ever."""
    offset = _FIRST_BOX
    while frame.startswith(_JP2) and offset < len(frame) and frame[offset + 4 : offset + 8] != b"jp2c":
        length = int.from_bytes(frame[offset : offset + 4], "big")
        if length < 8:
            raise ValueError("a box is shorter than its own head")
        offset += length
