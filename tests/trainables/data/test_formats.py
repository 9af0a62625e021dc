"""The same picture, saved in every format, decodes to the same grey values."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.trainables.data.conftest import radiograph
from tests.trainables.data.dicoms import dicom, header, written
from trainables.data.any_folder import find_images
from trainables.data.decoding import decode_grey
from trainables.data.formats import SUFFIXES
from trainables.data.problems import BadImage

GREY = np.asarray(radiograph(1, 40))
DEEP = GREY.astype(np.uint16) * 257
TWELVE = np.rint(GREY / 255 * 4095).astype(np.uint16)

Write = Callable[[Path], object]


def pillow(values: np.ndarray = GREY, mode: str | None = None, **options: object) -> Write:
    image = Image.fromarray(values)
    return lambda path: (image.convert(mode) if mode else image).save(path, **options)


def raw(content: bytes) -> Write:
    return lambda path: path.write_bytes(content)


def tiff(rows: bytes, bits: int, *, photometric: int = 1, order: str = "<", zipped: bool = False) -> bytes:
    """A TIFF of one strip; Pillow writes neither 12 bits nor white as zero."""
    data = zlib.compress(rows) if zipped else rows
    tags = [(256, 40), (257, 40), (258, bits), (259, 8 if zipped else 1), (262, photometric), (273, 8)]
    tags += [(277, 1), (278, 40), (279, len(data))]
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags)
    start = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(data))
    return start + data + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


def packed(values: np.ndarray) -> bytes:
    """12 bits after 12 bits, the high ones first."""
    pairs = values.reshape(-1, 2).astype(int)
    three = [pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255]
    return np.stack(three, 1).astype(np.uint8).tobytes()


def png(rows: np.ndarray, bits: int, colour: int) -> bytes:
    """A PNG of 16-bit colours or of few bits, which Pillow does not write."""
    header = struct.pack(">IIBBBBB", 40, 40, bits, colour, 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def four_bits(values: np.ndarray) -> np.ndarray:
    return (values[:, ::2] >> 4 << 4 | values[:, 1::2] >> 4).astype(np.uint8)


EXACT: dict[str, tuple[str, Write]] = {
    "PNG": ("a.png", pillow()),
    "PNG, colour": ("a.png", pillow(mode="RGB")),
    "PNG, opaque": ("a.png", pillow(mode="RGBA")),
    "PNG, grey and opaque": ("a.png", pillow(mode="LA")),
    "PNG, palette": ("a.png", pillow(mode="P")),
    "PNG, 16 bits": ("a.png", pillow(DEEP)),
    "PNG, 16 bits of colour": ("a.png", raw(png(np.repeat(DEEP, 3, 1).astype(">u2"), 16, 2))),
    "TIFF": ("a.tif", pillow()),
    "TIFF, LZW": ("a.tif", pillow(compression="tiff_lzw")),
    "TIFF, deflated": ("a.tif", pillow(compression="tiff_adobe_deflate")),
    "TIFF, packed bits": ("a.tif", pillow(compression="packbits")),
    "TIFF, colour": ("a.tiff", pillow(mode="RGB")),
    "TIFF, CMYK": ("a.tiff", pillow(mode="CMYK")),
    "TIFF, palette": ("a.tiff", pillow(mode="P")),
    "TIFF, 16 bits": ("a.tif", pillow(DEEP)),
    "TIFF, 16 bits, LZW": ("a.tif", pillow(DEEP, compression="tiff_lzw")),
    "TIFF, 16 bits, deflated": ("a.tif", pillow(DEEP, compression="tiff_adobe_deflate")),
    "TIFF, 16 bits, big-endian": ("a.tif", raw(tiff(DEEP.astype(">u2").tobytes(), 16, order=">"))),
    "TIFF, 12 bits": ("a.tif", raw(tiff(packed(TWELVE), 12))),
    "TIFF, 12 bits in 16": ("a.tif", pillow(TWELVE)),
    "TIFF, float": ("a.tif", pillow((GREY / 255).astype(np.float32))),
    "TIFF, white is zero": ("a.tif", raw(tiff((255 - GREY).tobytes(), 8, photometric=0))),
    "TIFF, 16 bits, white is zero": ("a.tif", raw(tiff((65535 - DEEP).tobytes(), 16, photometric=0))),
    "TIFF, 16 bits, white is zero, deflated": (
        "a.tif",
        raw(tiff((65535 - DEEP).tobytes(), 16, photometric=0, zipped=True)),
    ),
    "BMP": ("a.bmp", pillow()),
    "BMP, colour": ("a.bmp", pillow(mode="RGB")),
    "BMP, palette": ("a.bmp", pillow(mode="P")),
    "DICOM": ("a.dcm", raw(dicom(GREY))),
    "DICOM, 12 bits": ("a.dicom", raw(dicom(TWELVE, bits=12))),
    "DICOM, run lengths": ("a.dcm", raw(dicom(DEEP, syntax="rle"))),
}
LOSSY: dict[str, Write] = {
    "JPEG": pillow(quality=100),
    "JPEG, progressive": pillow(quality=100, progressive=True),
    "JPEG, colour": pillow(mode="RGB", quality=100),
    "JPEG, CMYK": pillow(mode="CMYK", quality=100),
}
BLACK_AND_WHITE = np.where(GREY > 127, np.uint8(255), np.uint8(0))


@pytest.mark.parametrize("format_name", EXACT)
def test_a_picture_is_the_same_in_every_format(tmp_path, format_name):
    name, write = EXACT[format_name]
    write(tmp_path / name)
    assert np.abs(decode_grey(tmp_path / name, 40).astype(int) - GREY).max() <= 1


@pytest.mark.parametrize("format_name", LOSSY)
def test_a_jpeg_differs_by_its_error(tmp_path, format_name):
    LOSSY[format_name](tmp_path / "a.jpg")
    difference = np.abs(decode_grey(tmp_path / "a.jpg", 40).astype(int) - GREY)
    assert difference.max() <= 6
    assert difference.mean() <= 1


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_one_bit_is_black_and_white(tmp_path, name):
    Image.fromarray(BLACK_AND_WHITE).convert("1").save(tmp_path / name)
    assert (decode_grey(tmp_path / name, 40) == BLACK_AND_WHITE).all()


def test_four_bits_use_the_full_range(tmp_path):
    (tmp_path / "a.png").write_bytes(png(four_bits(GREY), 4, 0))
    assert (decode_grey(tmp_path / "a.png", 40) == (GREY >> 4) * 17).all()


def test_one_bit_of_dicom_is_black_and_white(tmp_path):
    dataset = header(BLACK_AND_WHITE, BitsAllocated=1, BitsStored=1, HighBit=0)
    dataset.PixelData = np.packbits(BLACK_AND_WHITE.ravel() > 0, bitorder="little").tobytes()
    (tmp_path / "a.dcm").write_bytes(written(dataset))
    assert (decode_grey(tmp_path / "a.dcm", 40) == BLACK_AND_WHITE).all()


def test_what_pillow_cannot_read_is_refused_and_not_guessed(tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff(packed(4095 - TWELVE), 12, photometric=0))
    with pytest.raises(BadImage, match=r"a\.tif: .* Convert it"):
        decode_grey(tmp_path / "a.tif", 40)


def test_every_suffix_is_found_in_a_folder(tmp_path):
    for number, suffix in enumerate(SUFFIXES):
        (tmp_path / f"{number}{suffix.upper()}").write_bytes(b"x")
    assert len(find_images(tmp_path).names) == len(SUFFIXES)
