"""Small DICOM files, written by the tests; every one names a patient who must never be heard of again."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

PATIENT = "Zyxwvut^Quentin"
PATIENT_ID = "MRN-77311942"
STUDY = "1.2.826.0.1.3680043.8.498.1"


def header(values: np.ndarray, *, bits: int | None = None, **elements: Any) -> Dataset:
    """A data set without pixels; elements that are None are left out."""
    colour = values.ndim == 3
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = DigitalXRayImageStorageForPresentation, STUDY + ".7"
    dataset.PatientName, dataset.PatientID, dataset.StudyInstanceUID = PATIENT, PATIENT_ID, STUDY
    dataset.PatientComments = f"{PATIENT} was seen by Dr {PATIENT[::-1]}"
    dataset.Rows, dataset.Columns = values.shape[:2]
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = values.dtype.itemsize * 8
    dataset.BitsStored = bits or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(values.dtype.kind == "i")
    for name, value in elements.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def dicom(values: np.ndarray, *, syntax: str = "native", bits: int | None = None, **elements: Any) -> bytes:
    """A whole file."""
    dataset = header(values, bits=bits, **elements)
    if syntax in ("native", "rle"):
        dataset["PixelData"] = _pixels(values)
        if syntax == "rle":
            dataset.compress(RLELossless, generate_instance_uid=False)
    else:
        image = Image.fromarray(values)
        jpeg = syntax == "jpeg"
        options = {"format": "JPEG", "quality": 100} if jpeg else {"format": "JPEG2000", "irreversible": False}
        buffer = io.BytesIO()
        image.save(buffer, **options)
        dataset.PixelData = encapsulate([buffer.getvalue()])
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit if jpeg else JPEG2000Lossless
    return written(dataset)


def written(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def saved(folder: Path, content: bytes, name: str = "image.dcm") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def table(values: np.ndarray, first: int, bits: int) -> Dataset:
    """An item of a look-up table."""
    item = Dataset()
    item.LUTDescriptor = [len(values) % 2**16, first, bits]
    item.LUTExplanation = PATIENT
    item["LUTData"] = _element("LUTData", "OW", struct.pack(f"<{len(values)}H", *values.tolist()))
    return item


def _pixels(values: np.ndarray) -> Any:
    return _element("PixelData", "OW", values.tobytes() + b"\0" * (values.nbytes % 2))


def _element(name: str, kind: str, value: bytes) -> Any:
    return DataElement(tag_for_keyword(name), kind, value)
