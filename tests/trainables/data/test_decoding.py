import io
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from tests.trainables.data.conftest import radiograph
from trainables.data.decoding import LARGEST_PIXELS, THUMBNAIL, decode_grey, decode_mask, decode_with_thumbnail
from trainables.data.problems import BadImage, DataProblem, bad_image, several

GREY = np.asarray(radiograph(1, 40))


def saved(folder: Path, image: Image.Image, name: str, **options: object) -> Path:
    path = folder / name
    image.save(path, **options)
    return path


def close(image: np.ndarray, expected: np.ndarray = GREY, by: int = 1) -> bool:
    return bool(np.abs(image.astype(int) - expected.astype(int)).max() <= by)


@pytest.mark.parametrize("name", ["grey.png", "grey.tif", "grey.tiff", "grey.bmp", "GREY.PNG"])
def test_eight_bits_come_out_as_they_are(tmp_path, name):
    assert (decode_grey(saved(tmp_path, Image.fromarray(GREY), name), 40) == GREY).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_grey_in_colour_channels_comes_out_as_grey(tmp_path, mode):
    assert (decode_grey(saved(tmp_path, Image.fromarray(GREY).convert(mode), "image.png"), 40) == GREY).all()


def test_jpeg_and_cmyk_jpeg_come_out_as_grey(tmp_path):
    image = Image.fromarray(GREY)
    assert close(decode_grey(saved(tmp_path, image, "grey.jpg", quality=100), 40), by=4)
    assert close(decode_grey(saved(tmp_path, image.convert("CMYK"), "cmyk.jpg", quality=100), 40), by=6)


def test_a_palette_is_looked_up_and_not_taken_for_grey(tmp_path):
    image = Image.fromarray(255 - GREY)
    image = image.convert("P")
    image.putpalette([255 - n // 3 for n in range(768)])
    assert (decode_grey(saved(tmp_path, image, "palette.png"), 40) == GREY).all()


def test_transparent_parts_are_black(tmp_path):
    image = Image.fromarray(GREY).convert("RGBA")
    image.paste((255, 255, 255, 0), (0, 0, 20, 40))
    decoded = decode_grey(saved(tmp_path, image, "transparent.png"), 40)
    assert (decoded[:, :20] == 0).all()
    assert (decoded[:, 20:] == GREY[:, 20:]).all()


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_sixteen_bits_come_out_as_eight_bits_would(tmp_path, name):
    assert close(decode_grey(saved(tmp_path, Image.fromarray(GREY.astype(np.uint16) * 257), name), 40))


def test_twelve_bits_in_sixteen_use_the_full_range(tmp_path):
    deep = np.rint(GREY.astype(float) / 255 * 4095).astype(np.uint16)
    assert close(decode_grey(saved(tmp_path, Image.fromarray(deep), "detector.png"), 40))


def test_eight_bits_in_sixteen_use_the_full_range(tmp_path):
    assert close(decode_grey(saved(tmp_path, Image.fromarray(GREY.astype(np.uint16)), "deep.png"), 40))


def test_a_dark_image_is_not_stretched(tmp_path):
    dark = (GREY // 4).astype(np.uint16) * 257
    assert close(decode_grey(saved(tmp_path, Image.fromarray(dark), "dark.png"), 40), GREY // 4)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_tiff_whose_white_is_zero_is_inverted(tmp_path, bits):
    values = GREY if bits == 8 else GREY.astype(np.uint16) * 257
    path = tmp_path / "white_is_zero.tif"
    path.write_bytes(_tiff(np.iinfo(values.dtype).max - values, bits, photometric=0))
    assert close(decode_grey(path, 40))


def test_float_in_zero_to_one_is_scaled_and_other_floats_are_refused(tmp_path):
    values = GREY.astype(np.float32) / 255
    assert close(decode_grey(saved(tmp_path, Image.fromarray(values), "float.tif"), 40))
    for wrong in (values - 0.5, values * 4000, np.where(values > 0.5, np.nan, values).astype(np.float32)):
        with pytest.raises(BadImage, match=r"wrong\.tif: its values go from .* must lie between 0 and 1.*Save it as"):
            decode_grey(saved(tmp_path, Image.fromarray(wrong), "wrong.tif"), 40)


def test_thirty_two_bits_beyond_sixteen_are_refused(tmp_path):
    with pytest.raises(BadImage, match="16 bits hold 0 to 65535"):
        decode_grey(saved(tmp_path, Image.fromarray(GREY.astype(np.int32) * 100_000), "huge.tif"), 40)


def test_the_centre_is_cut_out_and_the_shorter_side_fills_the_size(tmp_path):
    wide = np.zeros((40, 100), np.uint8)
    wide[:, 30:70] = GREY
    assert (decode_grey(saved(tmp_path, Image.fromarray(wide), "wide.png"), 40) == GREY).all()
    assert (decode_grey(saved(tmp_path, Image.fromarray(wide.T.copy()), "tall.png"), 40) == GREY.T).all()


def test_making_smaller_is_antialiased(tmp_path):
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    stripes[:32] = 40
    decoded = decode_grey(saved(tmp_path, Image.fromarray(stripes), "stripes.png"), 16)
    assert np.ptp(decoded[10:14, 2:-2]) <= 8
    assert abs(int(decoded[12, 8]) - 127) <= 4


def test_exif_orientation_is_followed(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned to the left
    turned = Image.fromarray(np.rot90(GREY).copy())
    assert close(decode_grey(saved(tmp_path, turned, "phone.jpg", quality=100, exif=exif), 40), by=4)


def test_the_thumbnail_does_not_depend_on_the_size(tmp_path):
    path = saved(tmp_path, radiograph(3, 200), "image.png")
    one, other = (decode_with_thumbnail(path, size)[1] for size in (32, 96))
    assert one.shape == (THUMBNAIL, THUMBNAIL)
    assert (one == other).all()


def test_a_mask_is_what_is_brighter_than_half_and_may_be_empty(tmp_path):
    mask = np.zeros((20, 20, 3), np.uint8)
    assert not decode_mask(saved(tmp_path, Image.fromarray(mask), "empty.png"), 40).any()
    mask[5:15, 5:15] = 255
    assert decode_mask(saved(tmp_path, Image.fromarray(mask), "mask.png"), 40).sum() == 400


def test_a_constant_image_is_refused(tmp_path):
    with pytest.raises(BadImage, match=r"flat\.png: every pixel has the grey value 7"):
        decode_grey(saved(tmp_path, Image.new("L", (30, 30), 7), "flat.png"), 40)


@pytest.mark.parametrize(
    ("name", "content", "kind", "message"),
    [
        ("empty.png", b"", "zero_byte", r"empty\.png: the file is empty \(0 bytes\)"),
        ("text.png", b"this is no image", "unreadable", "no PNG, JPEG, TIFF, BMP or DICOM image"),
        ("page.png", b"<html>404</html>", "unreadable", "whatever the name says"),
    ],
)
def test_files_that_are_no_image_are_named_with_the_reason(tmp_path, name, content, kind, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadImage, match=message) as caught:
        decode_grey(tmp_path / name, 40)
    assert caught.value.kind == kind
    assert caught.value.path == tmp_path / name


@pytest.mark.parametrize("name", ["image.png", "image.jpg", "image.tif", "image.bmp"])
def test_a_truncated_image_is_noticed(tmp_path, name):
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    path = saved(tmp_path, radiograph(1, 200), name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(BadImage) as caught:
        decode_grey(path, 40)
    assert caught.value.kind in ("truncated", "unreadable")
    assert name in str(caught.value)


def test_a_missing_file_and_a_folder_are_bad_images(tmp_path):
    with pytest.raises(BadImage, match="does not exist"):
        decode_grey(tmp_path / "missing.png", 40)
    with pytest.raises(BadImage, match="cannot be decoded"):
        decode_grey(tmp_path, 40)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("side", [9_500, 40_000])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(tmp_path, side):
    assert side * side > LARGEST_PIXELS
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    )
    (tmp_path / "bomb.png").write_bytes(content)
    with pytest.raises(BadImage, match="decompression bomb"):
        decode_grey(tmp_path / "bomb.png", 40)


def test_several_pages_are_refused(tmp_path):
    pages = [radiograph(n) for n in range(3)]
    for name in ("pages.tif", "moving.png"):
        path = saved(tmp_path, pages[0], name, save_all=True, append_images=pages[1:])
        with pytest.raises(BadImage, match="3 frames or pages"):
            decode_grey(path, 40)


def test_many_bad_images_are_one_error_that_names_five():
    problems = [bad_image(Path(f"{n}.png"), "zero_byte", "the file is empty.", "Remove it.") for n in range(8)]
    assert str(several(problems)) == (
        "0.png: the file is empty. Remove it. And 7 more: 1.png, 2.png, 3.png, 4.png and 3 not named here."
    )
    assert str(several(problems[:2])) == "0.png: the file is empty. Remove it. And 1 more: 1.png."
    assert several(problems[:1]) is problems[0]


def test_problems_survive_a_journey_between_processes():
    problem = bad_image(Path("a.png"), "constant", "one grey value.", "Remove it.")
    again = pickle.loads(pickle.dumps(problem))
    assert (type(again), str(again), again.kind, again.path) == (BadImage, str(problem), "constant", Path("a.png"))


def _encoded(name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    deep = name == "PNG16"
    image = Image.fromarray(GREY.astype(np.uint16) * 257) if deep else Image.fromarray(GREY)
    image.save(buffer, "PNG" if deep else name, **options)
    return buffer.getvalue()


WHOLE = [
    _encoded("PNG"),
    _encoded("PNG16"),
    _encoded("JPEG"),
    _encoded("TIFF"),
    _encoded("TIFF", compression="tiff_lzw"),
]


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    st.floats(0, 1),
    st.booleans(),
)
@pytest.mark.filterwarnings("ignore")
def test_corrupted_bytes_are_an_image_or_a_data_problem(tmp_path, content, changes, kept, cut):
    damaged = bytearray(content)
    for place, value in changes:
        # half of the changes hit the header, where they do most
        damaged[int(place * min(len(damaged), 128 if value % 2 else len(damaged)))] = value
    path = tmp_path / "damaged.png"
    path.write_bytes(damaged[: int(kept * len(damaged))] if cut else damaged)
    try:
        decoded = decode_grey(path, 32)
    except DataProblem as problem:
        assert str(path) in str(problem)  # noqa: PT017 - either outcome is right
    else:
        assert decoded.shape == (32, 32)
        assert decoded.dtype == np.uint8


def _tiff(values: np.ndarray, bits: int, photometric: int) -> bytes:
    """An uncompressed little-endian TIFF of one strip; Pillow does not write white-is-zero."""
    height, width = values.shape
    data = values.astype(f"<u{bits // 8}").tobytes()
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, photometric),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, height),
        (279, 4, len(data)),
    ]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return (
        b"II*\0"
        + struct.pack("<I", 8 + len(data))
        + data
        + struct.pack("<H", len(tags))
        + entries
        + struct.pack("<I", 0)
    )
