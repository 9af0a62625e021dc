import pickle
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLSLossless

from tests.trainables.data.conftest import radiograph
from tests.trainables.data.dicoms import PATIENT, PATIENT_ID, STUDY, dicom, header, saved, table, written
from trainables.data.any_folder import find_images
from trainables.data.decoding import LARGEST_PIXELS, decode_grey, decode_mask
from trainables.data.dicom import identity, is_dicom, read_grey
from trainables.data.problems import BadImage

GREY = np.asarray(radiograph(1, 40))
TWELVE = np.rint(GREY / 255 * 4095).astype(np.uint16)
ROOT = Path(__file__).resolve().parents[3]


def grey(folder: Path, content: bytes) -> np.ndarray:
    return np.asarray(read_grey(saved(folder, content)))


def refused(folder: Path, content: bytes) -> BadImage:
    path = saved(folder, content)
    with pytest.raises(BadImage) as caught:
        decode_grey(path, 16)
    told = "".join(traceback.format_exception(caught.value))
    assert PATIENT not in told
    assert PATIENT_ID not in told
    assert caught.value.path == path
    return caught.value


@pytest.mark.parametrize("syntax", ["native", "rle", "jpeg2000", "jpeg"])
def test_eight_bits_come_out_as_a_png_would(tmp_path, syntax):
    decoded = decode_grey(saved(tmp_path, dicom(GREY, syntax=syntax)), 40)
    assert np.abs(decoded.astype(int) - GREY).max() <= (4 if syntax == "jpeg" else 0)


@pytest.mark.parametrize("syntax", ["native", "rle", "jpeg2000"])
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_without_a_window_the_stored_bits_are_the_range(tmp_path, syntax, bits):
    values = np.rint(GREY / 255 * (2**bits - 1)).astype(np.uint16)
    if syntax == "jpeg2000" and bits < 16:
        pytest.skip("Pillow writes 16 bits only")
    assert grey(tmp_path, dicom(values, syntax=syntax, bits=bits)) == pytest.approx(GREY, abs=0.2)


def test_a_dark_image_is_not_stretched(tmp_path):
    assert grey(tmp_path, dicom(TWELVE // 16, bits=12)) == pytest.approx(GREY / 16, abs=0.1)
    assert grey(tmp_path, dicom(TWELVE, bits=16)) == pytest.approx(GREY / 16, abs=0.1)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_signed_values_go_from_the_least_to_the_largest(tmp_path, bits):
    signed = (np.rint(GREY / 255 * (2**bits - 1)) - 2 ** (bits - 1)).astype(np.int16)
    assert grey(tmp_path, dicom(signed, bits=bits)) == pytest.approx(GREY, abs=0.1)


def test_bits_beyond_the_stored_ones_do_not_count(tmp_path):
    overlay = TWELVE | np.uint16(0x5000)
    assert grey(tmp_path, dicom(overlay, bits=12)) == pytest.approx(GREY, abs=0.1)


@pytest.mark.parametrize(("slope", "intercept"), [(1, -1024), (0.5, 7), (2, 0)])
def test_rescaling_alone_changes_nothing(tmp_path, slope, intercept):
    content = dicom(TWELVE, bits=12, RescaleSlope=slope, RescaleIntercept=intercept)
    assert grey(tmp_path, content) == pytest.approx(GREY, abs=0.1)


def test_a_negative_slope_makes_more_be_less(tmp_path):
    content = dicom(TWELVE, bits=12, RescaleSlope=-1, RescaleIntercept=4095)
    assert grey(tmp_path, content) == pytest.approx(255 - GREY, abs=0.1)
    windowed = dicom(TWELVE, bits=12, RescaleSlope=-1, RescaleIntercept=4095, WindowCenter=2048, WindowWidth=4096)
    assert grey(tmp_path, windowed) == pytest.approx(255.0 - GREY, abs=0.1)


@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (1, -1024), (2, 100)])
def test_the_first_window_follows_the_rescaling(tmp_path, slope, intercept):
    centre, width = 1000.0, 800.0
    rescaled = TWELVE * float(slope) + intercept
    expected = np.clip((rescaled - (centre - 0.5)) / (width - 1) + 0.5, 0, 1) * 255  # PS3.3 C.11.2.1.2.1
    content = dicom(
        TWELVE,
        bits=12,
        RescaleSlope=slope,
        RescaleIntercept=intercept,
        WindowCenter=[centre, 50],
        WindowWidth=[width, 10],
    )
    assert grey(tmp_path, content) == pytest.approx(expected, abs=0.01)


def test_exact_and_sigmoid_windows(tmp_path):
    window = {"bits": 12, "WindowCenter": 1000, "WindowWidth": 800}
    exact = np.clip((TWELVE - 1000.0) / 800 + 0.5, 0, 1) * 255
    sigmoid = 255 / (1 + np.exp(-4 * (TWELVE - 1000.0) / 800))
    assert grey(tmp_path, dicom(TWELVE, VOILUTFunction="LINEAR_EXACT", **window)) == pytest.approx(exact, abs=0.01)
    assert grey(tmp_path, dicom(TWELVE, VOILUTFunction="SIGMOID", **window)) == pytest.approx(sigmoid, abs=0.2)


def test_empty_windows_and_rescaling_are_none(tmp_path):
    empty = dicom(TWELVE, bits=12, WindowCenter="", WindowWidth="", RescaleSlope="", RescaleIntercept="")
    assert grey(tmp_path, empty) == pytest.approx(GREY, abs=0.1)


@pytest.mark.parametrize(("entries", "first", "bits"), [(4096, 0, 12), (4096, 0, 16), (1000, 500, 8), (4096, 0, 8)])
def test_tables_come_before_windows(tmp_path, entries, first, bits):
    curve = np.rint((np.arange(entries) / (entries - 1)) ** 2 * (2**bits - 1)).astype(np.uint16)
    expected = curve[np.clip(TWELVE.astype(int) - first, 0, entries - 1)] / (2**bits - 1) * 255
    for name in ("VOILUTSequence", "ModalityLUTSequence"):
        content = dicom(TWELVE, bits=12, **{name: [table(curve, first, bits)]})
        assert grey(tmp_path, content) == pytest.approx(expected, abs=0.01)
    both = dicom(TWELVE, bits=12, VOILUTSequence=[table(curve, first, bits)], WindowCenter=5, WindowWidth=9)
    assert grey(tmp_path, both) == pytest.approx(expected, abs=0.01)


def test_white_is_zero_is_inverted_after_the_window(tmp_path):
    window = {"bits": 12, "WindowCenter": 1000, "WindowWidth": 800}
    shown = grey(tmp_path, dicom(TWELVE, **window))
    negative = grey(tmp_path, dicom(TWELVE, PhotometricInterpretation="MONOCHROME1", **window))
    assert negative == pytest.approx(255 - shown, abs=0.01)


@pytest.mark.parametrize("planar", [0, 1])
def test_colour_becomes_luma(tmp_path, planar):
    colours = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    luma = colours @ [0.299, 0.587, 0.114]
    stored = np.ascontiguousarray(np.moveaxis(colours, 2, 0)).reshape(20, 20, 3) if planar else colours
    assert grey(tmp_path, dicom(stored, PlanarConfiguration=planar)) == pytest.approx(luma, abs=0.01)
    if not planar:
        assert grey(tmp_path, dicom(colours, syntax="rle")) == pytest.approx(luma, abs=0.01)


def test_luminance_and_chrominance_become_luma(tmp_path):
    colours = np.asarray(radiograph(2, 24).convert("RGB"))
    ybr = np.stack([colours[..., 0], np.full((24, 24), 128), np.full((24, 24), 128)], 2).astype(np.uint8)
    assert grey(tmp_path, dicom(ybr, PhotometricInterpretation="YBR_FULL")) == pytest.approx(ybr[..., 0], abs=1)
    jpeg = dicom(colours, syntax="jpeg", PhotometricInterpretation="YBR_FULL_422")
    assert grey(tmp_path, jpeg) == pytest.approx(colours[..., 0], abs=5)


def test_a_palette_is_looked_up(tmp_path):
    elements: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
    ramp = (np.arange(256, dtype=np.uint16)[::-1] * 257).astype("<u2").tobytes()
    for colour in ("Red", "Green", "Blue"):
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        elements[f"{colour}PaletteColorLookupTableData"] = ramp
    assert grey(tmp_path, dicom(GREY, **elements)) == pytest.approx(255 - GREY, abs=0.01)


def test_a_file_without_its_mark_is_read_by_its_name(tmp_path):
    dataset = header(GREY)
    dataset.PixelData = GREY.tobytes()
    path = tmp_path / "old.dcm"
    del dataset.file_meta
    dataset.save_as(path, implicit_vr=True, little_endian=True)
    assert not path.read_bytes()[128:].startswith(b"DICM")
    assert (decode_grey(path, 40) == GREY).all()


def test_which_files_are_dicom(tmp_path):
    content = dicom(GREY)
    for name, expected in {"a.dcm": True, "B.DICOM": True, "IM0001": True, "1.2.3": True, "a.png": False}.items():
        assert is_dicom(saved(tmp_path, content, name)) is expected
    assert not is_dicom(saved(tmp_path, b"text", "README"))
    assert (decode_grey(tmp_path / "IM0001", 40) == GREY).all()
    assert find_images(tmp_path).names == ("B.DICOM", "a.dcm", "a.png")


def test_a_mask_may_be_dicom(tmp_path):
    assert (decode_mask(saved(tmp_path, dicom(GREY)), 40) == (GREY >= 128)).all()


def test_patients_and_studies_are_pseudonyms(tmp_path):
    patient, study = identity(saved(tmp_path, dicom(GREY)))
    again, next_study = identity(saved(tmp_path, dicom(GREY[:10], StudyInstanceUID=STUDY + ".2")))
    other, _ = identity(saved(tmp_path, dicom(GREY, PatientID="another")))
    for name in (patient, study):
        assert name is not None
        assert name.startswith("dicom-")
        assert len(name) == len("dicom-") + 12
        assert PATIENT_ID not in name
    assert patient == again != other
    assert study != next_study
    assert identity(saved(tmp_path, dicom(GREY, PatientID="  ", StudyInstanceUID=""))) == (None, None)
    assert identity(saved(tmp_path, b"no dicom at all")) == (None, None)
    assert identity(tmp_path / "missing.dcm") == (None, None)


def test_the_study_of_two_patients_is_two_studies(tmp_path):
    one, other = (identity(saved(tmp_path, dicom(GREY, PatientID=name)))[1] for name in ("a", "b"))
    assert one != other


def test_several_frames_are_refused(tmp_path):
    content = dicom(GREY, NumberOfFrames=4)
    problem = refused(tmp_path, content)
    assert problem.kind == "animated"
    assert "4 frames or pages" in str(problem)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    problem = refused(tmp_path, dicom(GREY, Rows=60_000, Columns=60_000))
    assert problem.kind == "bomb"
    assert f"{LARGEST_PIXELS:,}" in str(problem)


@pytest.mark.parametrize("syntax", ["jpeg", "jpeg2000"])
def test_a_stream_of_another_size_than_the_header_is_refused(tmp_path, syntax):
    problem = refused(tmp_path, dicom(GREY, syntax=syntax, Rows=20, Columns=20))
    assert "another size than the header says" in str(problem)


def test_a_box_of_no_length_around_jpeg_2000_does_not_hang(tmp_path):
    content = dicom(GREY, syntax="jpeg2000")
    box = content.index(b"ftypjp2 ") - 4
    damaged = content[:box] + bytes(4) + content[box + 4 :]
    assert "cannot be decoded here (ValueError)" in str(refused(tmp_path, damaged))


def test_what_no_library_decodes_is_named_with_the_way_out(tmp_path):
    dataset = header(GREY)
    dataset.PixelData = encapsulate([b"\xff\xd8\xff\xf7 a stream of JPEG-LS"])
    dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
    problem = refused(tmp_path, written(dataset))
    assert problem.kind == "unreadable"
    assert "compressed as JPEG-LS Lossless Image Compression" in str(problem)
    assert "gdcmconv -w" in str(problem)


def test_a_deflated_file_is_refused_unread(tmp_path):
    dataset = header(GREY)
    dataset.PixelData = GREY.tobytes()
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    assert "deflated" in str(refused(tmp_path, written(dataset)))


@pytest.mark.parametrize(
    ("elements", "kind"),
    [
        ({"Rows": None, "Columns": None}, "unreadable"),
        ({"PhotometricInterpretation": PATIENT.upper()}, "unreadable"),
        ({"PhotometricInterpretation": None}, "unreadable"),
        ({"WindowCenter": 10, "WindowWidth": 0}, "range"),
        ({"WindowCenter": 10, "WindowWidth": 5, "VOILUTFunction": PATIENT.upper()}, "range"),
        ({"RescaleSlope": 0, "RescaleIntercept": 1}, "range"),
        ({"HighBit": 15, "BitsStored": 6}, "range"),
        ({"VOILUTSequence": [Dataset()]}, "range"),
        ({"BitsStored": None}, "unreadable"),
        ({"SamplesPerPixel": 4}, "truncated"),
    ],
)
def test_headers_that_mean_nothing_are_bad_images(tmp_path, elements, kind):
    assert refused(tmp_path, dicom(GREY, **elements)).kind == kind


def test_a_file_without_pixels_and_cut_files_are_bad_images(tmp_path):
    assert "no pixel data" in str(refused(tmp_path, written(header(GREY))))
    whole = dicom(GREY)
    assert refused(tmp_path, whole[:-300]).kind == "truncated"
    for syntax in ("native", "rle", "jpeg", "jpeg2000"):
        whole = dicom(GREY, syntax=syntax)
        for kept in range(0, len(whole) - 60, 41):
            refused(tmp_path, whole[:kept])
    assert refused(tmp_path, b"").kind == "zero_byte"
    assert "no DICOM image" in str(refused(tmp_path, b"<html>404</html>" * 100))


def test_a_missing_file_and_a_folder_are_bad_images(tmp_path):
    with pytest.raises(BadImage, match="does not exist"):
        decode_grey(tmp_path / "missing.dcm", 16)
    (tmp_path / "folder.dcm").mkdir()
    with pytest.raises(BadImage, match="cannot be decoded"):
        decode_grey(tmp_path / "folder.dcm", 16)


def test_problems_survive_a_journey_between_processes(tmp_path):
    problem = refused(tmp_path, dicom(GREY)[:400])
    assert str(pickle.loads(pickle.dumps(problem))) == str(problem)
    assert problem.__cause__ is None
    assert problem.__context__ is None


def test_the_samples_of_pydicom_are_images_or_bad_images_in_silence():
    code = (
        "import sys; from pathlib import Path; from trainables.data.decoding import decode_grey\n"
        "from trainables.data.dicom import identity; from trainables.data.problems import BadImage\n"
        "for name in sys.argv[1:]:\n"
        "    identity(Path(name))\n"
        "    try: print(decode_grey(Path(name), 8).shape)\n"
        "    except BadImage as problem: print(problem.kind)\n"
    )
    local = sorted(map(str, (Path(pydicom.__file__).parent / "data" / "test_files").glob("*.dcm")))
    result = subprocess.run(
        [sys.executable, "-c", code, *local], capture_output=True, text=True, check=True, cwd=ROOT, timeout=200
    )
    outcomes = result.stdout.split("\n")
    assert len(outcomes) == len(local) + 1
    assert outcomes.count("(8, 8)") >= len(local) / 3
    assert result.stderr == ""


def test_pydicom_is_imported_when_the_first_file_is_read():
    code = "import sys, trainables.data.decoding; print('pydicom' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
