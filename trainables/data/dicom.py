"""DICOM files, read with pydicom: one frame to grey values, and who it shows under a pseudonym.

How values become grey stands in `dicom_intensity`. Nothing of the header leaves these modules but numbers about the
picture, names out of the standard and pseudonyms: messages, logs and artifacts would carry patients' names on. That is why
pydicom's exceptions, whose texts may quote any element, are told by their type alone, and its log and warnings are silent.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainables.data.dicom_files import EXPORT, read_header, read_whole, starts_as_dicom
from trainables.data.dicom_intensity import grey_values
from trainables.data.dicom_pixels import stored_values
from trainables.data.formats import DICOM_SUFFIXES, LARGEST_PIXELS, PILLOW_SUFFIXES, bomb
from trainables.data.problems import BadImage, bad_image

if TYPE_CHECKING:
    from pydicom import Dataset

_PHOTOMETRIC = (
    *("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"),
    *("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"),
)


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM: by the end of its name, or, where that names no other format, by its first bytes.

    Raises:
        OSError: a file that has to be opened and cannot be.
    """
    name = path.name.lower()
    return name.endswith(DICOM_SUFFIXES) or (not name.endswith(PILLOW_SUFFIXES) and starts_as_dicom(path))


def read_grey(path: Path) -> Image.Image:
    """The picture of a file, in mode F with values from 0 to 255.

    Raises:
        BadImage: a file that is damaged, huge, of several frames, without picture, or compressed in a way that no library
            here decodes. It quotes nothing that could belong to a patient.
        OSError: a file that cannot be opened.
    """
    path.open("rb").close()  # whatever fails from here on is about the content
    try:
        _check_header(path, read_header(path))
        dataset = read_whole(path)
        if not dataset.get("PixelData"):
            raise bad_image(path, "unreadable", "it holds no pixel data; it is no image, or was cut off.", EXPORT)
        return Image.fromarray(_grey(path, dataset))
    except (BadImage, MemoryError):
        raise
    except Exception as error:  # damaged files make pydicom raise nearly anything, RecursionError among it
        reason = type(error).__name__
    # here, where it has no context: a traceback would print the text of pydicom's exception
    raise bad_image(path, "unreadable", f"the DICOM file cannot be decoded ({reason}).", "Replace or remove it.")


def identity(path: Path) -> tuple[str | None, str | None]:
    """Pseudonyms of the patient and of the study, each None where the header names none or cannot be read.

    The same patient has the same pseudonym in every file. Whoever has a list of identifiers can hash them all: this keeps
    them out of logs and artifacts, and is no anonymisation.
    """
    try:
        header = read_header(path)
        patient, study = (str(header.get(name) or "").strip(" \0") for name in ("PatientID", "StudyInstanceUID"))
    except MemoryError:
        raise
    except Exception:  # what is wrong with the file is said where it is decoded
        return None, None
    # the study with its patient, because careless exports give one study to many
    return _pseudonym(patient) if patient else None, _pseudonym(f"{patient}\0{study}") if study else None


def _pseudonym(text: str) -> str:
    return "dicom-" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _check_header(path: Path, header: Dataset) -> None:
    rows, columns = int(header.get("Rows") or 0), int(header.get("Columns") or 0)
    frames = int(header.get("NumberOfFrames") or 1)
    if rows * columns > LARGEST_PIXELS:
        raise bomb(path, f"{columns} x {rows} pixels")
    if frames > 1:
        raise bad_image(
            path,
            "animated",
            f"the file holds {frames} frames or pages, and a label belongs to one image.",
            "Save the frame that is meant as a file of its own.",
        )
    if not rows * columns:
        raise bad_image(path, "unreadable", "it holds no picture, like a report or a plan.", "Remove it.")
    if header.get("PhotometricInterpretation") not in _PHOTOMETRIC:
        known = ", ".join(_PHOTOMETRIC)
        raise bad_image(path, "unreadable", f"its photometric interpretation is none of {known}.", EXPORT)


def _grey(path: Path, dataset: Dataset) -> NDArray[np.float32]:
    stored = stored_values(path, dataset)
    try:
        return grey_values(dataset, stored)
    except MemoryError:
        raise  # the machine's trouble, not the file's
    except Exception as error:
        reason = type(error).__name__
    raise bad_image(
        path,
        "range",
        f"its window, rescaling or look-up table cannot be applied ({reason}).",
        "Correct these elements, or remove them: the full range of the stored bits counts then.",
    )
