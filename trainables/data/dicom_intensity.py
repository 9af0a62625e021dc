"""From the stored values of a DICOM image to grey values from 0 to 255, as a viewer would show it at first.

In this order (PS3.3 C.11.1 and C.11.2, C.7.6.3.1.2):

1. The modality: a look-up table, or slope and intercept.
2. The values of interest: the first look-up table; else the first window (linear, linear exact or sigmoid).
3. The range that this leaves becomes 0 to 255: that of the table, that of the window, or, where there is neither, all
   that the stored bits can hold after step 1. Nothing is stretched by content, also where 16 stored bits are used for
   12: the file says how many bits it has, and is believed.
4. MONOCHROME1 is inverted. `PresentationLUTShape` repeats what the photometric interpretation says, and is not read.

Colour is looked up in its palette or taken as it is, and becomes grey by ITU-R 601 luma; it has no window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pydicom import Dataset

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_FAR = 1e12


def grey_values(dataset: Dataset, stored: NDArray[Any]) -> NDArray[np.float32]:
    """Return grey values from 0 to 255.

    Args:
        dataset: the header.
        stored: [height, width], or [height, width, 3] in red, green and blue.

    Returns:
        [height, width].

    Raises:
        ValueError: a look-up table or a window that means nothing.
        Exception: nearly any other, from a damaged header.
    """
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        from pydicom.pixels.processing import apply_color_lut

        # a copy of 32 bits: indices of 8 bits would overflow in a palette of more entries
        stored = apply_color_lut(stored.astype(np.int32), dataset)[..., :3]
        return _luma(stored, dataset.RedPaletteColorLookupTableDescriptor[2])
    if stored.ndim == 3:
        return _luma(stored, dataset.BitsStored)
    values, (low, high) = _modality(dataset, stored), sorted(_modality(dataset, _stored_range(dataset)).tolist())
    if dataset.get("VOILUTSequence"):
        values, low, high = _looked_up(dataset, dataset.VOILUTSequence[0], values)
    elif _number(dataset, "WindowCenter") is not None and _number(dataset, "WindowWidth") is not None:
        values, low, high = _windowed(dataset, values)
    if not 0 < abs(high - low) < np.inf:  # also where they are NaN
        raise ValueError("the range of the values is empty")
    grey = (values.astype(np.float32) - np.float32(low)) * np.float32(255.0 / (high - low))
    np.clip(grey, 0, 255, out=grey)
    return np.float32(255) - grey if dataset.PhotometricInterpretation == "MONOCHROME1" else grey


def _luma(colours: NDArray[Any], bits: int) -> NDArray[np.float32]:
    grey: NDArray[np.float32] = colours.astype(np.float32) @ _LUMA
    grey *= 255.0 / (2**bits - 1)
    np.clip(grey, 0, 255, out=grey)
    return grey


def _stored_range(dataset: Dataset) -> NDArray[np.int64]:
    """Least and largest value that the stored bits can hold."""
    bits, signed = int(dataset.BitsStored), bool(dataset.PixelRepresentation)
    return np.array([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if signed else [0, 2**bits - 1])


def _modality(dataset: Dataset, stored: NDArray[Any]) -> NDArray[Any]:
    if dataset.get("ModalityLUTSequence"):
        values, low, high = _looked_up(dataset, dataset.ModalityLUTSequence[0], stored)
        return np.array([low, high]) if stored.shape == (2,) else values
    slope, intercept = _number(dataset, "RescaleSlope"), _number(dataset, "RescaleIntercept")
    if slope is None or intercept is None:
        return stored
    return stored * np.float64(slope) + intercept


def _looked_up(dataset: Dataset, item: Dataset, values: NDArray[Any]) -> tuple[NDArray[np.float32], float, float]:
    """Values out of a table, and the range its entries may have.

    pydicom's own functions refuse tables of 12 bits for the modality, and wrap around in tables of 8 bits.
    """
    entries, first, bits = (int(number) for number in item.LUTDescriptor)
    data = item.LUTData
    if isinstance(data, bytes):
        words = np.dtype("u1") if len(data) < 2 * (entries or 2**16) else np.dtype("u2")
        data = np.frombuffer(data, words.newbyteorder("<" if dataset.original_encoding[1] else ">"))
    table = np.asarray(data, np.float32)[: entries or 2**16]
    rows = np.clip(np.rint(values) - first, 0, len(table) - 1).astype(np.int32)
    return table[rows], 0.0, 2.0**bits - 1


def _windowed(dataset: Dataset, values: NDArray[Any]) -> tuple[NDArray[Any], float, float]:
    """Values in the first window, and what lies far below and above it becomes."""
    from pydicom.pixels.processing import apply_windowing

    with np.errstate(all="ignore"):  # far out the sigmoid overflows to its limit, as it should
        low, high = apply_windowing(np.array([-_FAR, _FAR]), dataset).tolist()
        return apply_windowing(values, dataset), low, high


def _number(dataset: Dataset, name: str) -> float | None:
    """The first value of an element, None where it is missing or empty."""
    if name not in dataset or dataset[name].VM == 0:
        return None
    value = dataset[name].value
    return float(value if dataset[name].VM == 1 else value[0])
