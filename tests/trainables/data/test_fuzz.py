"""Whatever happens to a file, it is an image or a bad image, and no image is lost in silence."""

import importlib
import io
import pkgutil
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.trainables.data import loaders
from tests.trainables.data.conftest import CLASSES, radiograph
from tests.trainables.data.damage import Blows, blows, damaged
from tests.trainables.data.dicoms import PATIENT, PATIENT_ID, STUDY, dicom
from trainables.data.decode_all import bad_images, decoded_ids
from trainables.data.decoding import decode_grey
from trainables.data.dicom import identity
from trainables.data.formats import SUFFIXES
from trainables.data.layouts import LAYOUTS
from trainables.data.listing import Listing
from trainables.data.prepare import DataSource, decode, fingerprints, list_images
from trainables.data.problems import BadImage, DataProblem
from trainables.data.stored import IMAGES

SIDE = 16
GREY = np.asarray(radiograph(1, 24))
DEEP = GREY.astype(np.uint16) * 257
SECRETS = (*PATIENT.split("^"), PATIENT.split("^")[0][::-1], PATIENT_ID, STUDY)

pytestmark = pytest.mark.filterwarnings("ignore")
"""Pillow's warnings; those of pydicom are silent without this, as another test sees to."""


def picture(values: np.ndarray, kind: str, mode: str | None = None, **options: object) -> bytes:
    image, buffer = Image.fromarray(values), io.BytesIO()
    (image.convert(mode) if mode else image).save(buffer, kind, **options)
    return buffer.getvalue()


WINDOW = {"RescaleSlope": 1, "RescaleIntercept": -100, "WindowCenter": 20_000, "WindowWidth": 30_000}
MISPLACED = "DICOM with a name where it does not belong"
"""pydicom's exception quotes it."""
FILES: dict[str, tuple[str, bytes]] = {
    "PNG": (".png", picture(GREY, "PNG")),
    "PNG 16": (".png", picture(DEEP, "PNG")),
    "PNG palette": (".png", picture(GREY, "PNG", "P")),
    "PNG RGBA": (".png", picture(GREY, "PNG", "RGBA")),
    "JPEG": (".jpg", picture(GREY, "JPEG")),
    "JPEG CMYK": (".jpeg", picture(GREY, "JPEG", "CMYK")),
    "TIFF": (".tif", picture(GREY, "TIFF")),
    "TIFF 16": (".tif", picture(DEEP, "TIFF", compression="tiff_lzw")),
    "TIFF deflated": (".tiff", picture(GREY, "TIFF", compression="tiff_adobe_deflate")),
    "TIFF float": (".tif", picture((GREY / 255).astype(np.float32), "TIFF")),
    "BMP": (".bmp", picture(GREY, "BMP")),
    "DICOM": (".dcm", dicom(GREY)),
    "DICOM window": (".dcm", dicom(DEEP, **WINDOW)),
    MISPLACED: (".dcm", dicom(DEEP, VOILUTFunction=PATIENT.upper(), **WINDOW)),
    "DICOM colour": (".dicom", dicom(np.repeat(GREY[..., None], 3, 2))),
    "DICOM without a suffix": ("", dicom(DEEP, PhotometricInterpretation="MONOCHROME1")),
    "DICOM rle": (".dcm", dicom(DEEP, syntax="rle")),
    "DICOM jpeg": (".dcm", dicom(GREY, syntax="jpeg")),
    "DICOM jpeg2000": (".dcm", dicom(DEEP, syntax="jpeg2000")),
}


@pytest.mark.parametrize("name", FILES)
@settings(deadline=None, max_examples=40, derandomize=True)
@given(done=blows)
@example(done=[])
def test_a_damaged_file_is_an_image_or_a_bad_image_without_a_patient(tmp_path_factory, name, done):
    suffix, content = FILES[name]
    path = tmp_path_factory.getbasetemp() / f"damaged{suffix}"
    path.write_bytes(damaged(content, done))
    try:
        decoded = decode_grey(path, SIDE)
    except BadImage as problem:
        told = "".join(traceback.format_exception(problem))
        assert str(path) in str(problem)  # noqa: PT017 - either outcome is right
        assert not [secret for secret in SECRETS if secret.lower() in told.lower()]
        assert done or name == MISPLACED
    else:
        assert decoded.shape == (SIDE, SIDE)
        assert decoded.dtype == np.uint8
    if name.startswith("DICOM"):
        told = str(identity(path))
        assert not [secret for secret in SECRETS if secret in told]


def write_mixed(root: Path) -> Path:
    """The layout of covid with three images a class, each of another format, and masks."""
    folder = root / "COVID-19_Radiography_Dataset"
    for number, name in enumerate(CLASSES):
        for part in ("images", "masks"):
            (folder / name / part).mkdir(parents=True)
        (folder / f"{name}.metadata.xlsx").write_bytes(b"PK")
        for n, suffix in enumerate((".png", ".jpg", ".dcm")):
            image = np.asarray(radiograph(100 * number + n, 24))
            content = dicom(image) if suffix == ".dcm" else picture(image, "PNG" if n == 0 else "JPEG")
            (folder / name / "images" / f"{name}-{n}{suffix}").write_bytes(content)
            (folder / name / "masks" / f"{name}-{n}.png").write_bytes(picture(GREY, "PNG"))
    return folder


def _writers() -> dict[str, tuple[str, Callable[[Path], Path]]]:
    """Layout and who writes a small data set in it: every `loaders/<layout>.py` with a function `write`."""
    names = [module.name for module in pkgutil.iter_modules(loaders.__path__) if module.name in LAYOUTS]
    found = {name: (name, importlib.import_module(f"{loaders.__name__}.{name}").write) for name in names}
    return {"mixed": ("covid", write_mixed), **found}


WRITERS = _writers()


class DataSet:
    """A data set on disk, whole but for the moment that one of its files is damaged."""

    def __init__(self, kind: str, place: Path) -> None:
        layout, write = WRITERS[kind]
        self.spec = LAYOUTS[layout].spec()
        self.root = write(place / "data")
        self.arrays = place / "arrays"
        self.arrays.mkdir()
        self.named = self.listed().named
        inside = sorted(path for path in self.root.rglob("*") if path.is_file()) if self.root.is_dir() else [self.root]
        seen = [path for path in inside if not path.name.startswith(".")]
        self.images = [path for path in seen if path.name.lower().endswith(SUFFIXES)]
        self.tables = [path for path in seen if path not in self.images]

    def listed(self) -> Listing:
        return list_images(self.spec, DataSource(root=self.root))

    @contextmanager
    def damaged(self, path: Path, done: Blows) -> Iterator[None]:
        whole = path.read_bytes()
        path.write_bytes(damaged(whole, done))
        try:
            yield
        finally:
            path.write_bytes(whole)

    def outcomes(self) -> Counter[str]:
        """How many images it names are decoded and how many are bad; each is one of the two, and looks like it."""
        listing = self.listed()
        fingerprints(listing)
        decode(listing, SIDE, self.arrays, on_bad_image="skip")
        bad = bad_images(self.arrays, listing.root)
        assert tuple(decoded_ids(self.arrays)) == listing.image_ids
        assert set(bad) <= set(listing.image_ids)
        pixels = np.load(self.arrays / IMAGES)
        assert len(pixels) == len(listing) == len(set(listing.image_ids))
        for name, image in zip(listing.image_ids, pixels, strict=True):
            assert (image.min() == image.max()) == (name in bad)
        return Counter(good=len(listing) - len(bad), bad=len(bad) + len(listing.problems))


@pytest.fixture(scope="module", params=WRITERS)
def data_set(request, tmp_path_factory) -> DataSet:
    place = tmp_path_factory.mktemp(request.param)
    (place / "data").mkdir()
    return DataSet(request.param, place)


def test_a_whole_data_set_is_decoded(data_set):
    assert data_set.outcomes().total() == data_set.named


@settings(deadline=None, max_examples=40, derandomize=True)
@given(data=st.data(), done=blows)
def test_a_damaged_image_is_never_lost(data_set, data, done):
    if not data_set.images:
        return  # they lie in an archive, which counts as a table
    with data_set.damaged(data.draw(st.sampled_from(data_set.images)), done):
        try:
            outcomes = data_set.outcomes()
        except DataProblem:
            return
    assert outcomes.total() == data_set.named


@settings(deadline=None, max_examples=40, derandomize=True)
@given(data=st.data(), done=blows)
def test_a_damaged_table_or_archive_is_a_problem_or_other_images(data_set, data, done):
    if not data_set.tables:
        return
    with data_set.damaged(data.draw(st.sampled_from(data_set.tables)), done):
        try:
            data_set.outcomes()
        except DataProblem as problem:
            assert str(problem)  # noqa: PT017 - either outcome is right
