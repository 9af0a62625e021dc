"""Images as they should not be: turned, noisy, blurred, flat or compressed, each at five severities.

After Hendrycks and Dietterich (2019), for grey radiographs of any size. What depends on a length is in shares of the side,
so that a severity means the same at 64 and at 512 pixels. Nothing is random but the noise, which an image's id and the seed
determine: the same pattern at every severity, whatever images are beside it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainables.spec import Corruption
from trainables.spec.judgement import SEVERITIES

ROTATION_DEGREES = (15.0, 30.0, 45.0, 60.0, 75.0)
NOISE_DEVIATION = (0.04, 0.08, 0.12, 0.18, 0.26)
"""Of intensities in [0, 1]."""
BLUR_SIDES = (0.01, 0.015, 0.02, 0.03, 0.05)
"""Standard deviation of the Gaussian, as a share of the side."""
CONTRAST_KEPT = (0.75, 0.5, 0.4, 0.3, 0.15)
"""Share of the distance from the image's mean that is kept."""
JPEG_QUALITY = (25, 18, 15, 10, 7)


def corrupt(
    pixels: NDArray[np.uint8], image_ids: Sequence[str], corruption: Corruption, severity: int, *, seed: int = 0
) -> NDArray[np.uint8]:
    """Corrupt every image alike.

    Args:
        pixels: [images, height, width], grey values.
        image_ids: one name an image; it determines the noise.
        corruption: `rotation` (anticlockwise, black corners), `noise`, `blur`, `contrast` or `jpeg`.
        severity: 1 to 5.
        seed: of the noise.

    Returns:
        New grey values of the same shape.

    Raises:
        ValueError: another severity, or another number of names than of images.
    """
    if severity not in range(1, SEVERITIES + 1):
        raise ValueError(f"corrupt() was given the severity {severity}; it is a whole number from 1 to {SEVERITIES}.")
    if len(image_ids) != len(pixels):
        raise ValueError(f"corrupt() was given {len(image_ids)} names for {len(pixels)} images. Pass one an image.")
    changed = np.empty_like(pixels)
    for place, (image, name) in enumerate(zip(pixels, image_ids, strict=True)):
        changed[place] = _one(image, name, corruption, severity - 1, seed)
    return changed


def _one(image: NDArray[np.uint8], name: str, corruption: Corruption, level: int, seed: int) -> NDArray[np.uint8]:
    match corruption:
        case "rotation":
            turned = Image.fromarray(image).rotate(ROTATION_DEGREES[level], resample=Image.Resampling.BILINEAR)
            return np.asarray(turned)
        case "noise":
            normal = _generator(name, seed).standard_normal(image.shape, dtype=np.float32)
            return _grey(image + 255 * NOISE_DEVIATION[level] * normal)
        case "blur":
            return _grey(_blurred(image.astype(np.float32), BLUR_SIDES[level] * max(image.shape)))
        case "contrast":
            mean = image.mean(dtype=np.float64)
            return _grey(mean + CONTRAST_KEPT[level] * (image - mean))
        case "jpeg":
            return _compressed(image, JPEG_QUALITY[level])


def _blurred(image: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    """Rows, then columns, under a Gaussian cut at four deviations; what lies outside repeats the border."""
    reach = max(1, round(4 * deviation))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    for _ in range(2):
        padded = np.pad(image, ((reach, reach), (0, 0)), mode="edge")
        shifted = (share * padded[n : n + len(image)] for n, share in enumerate(kernel / kernel.sum()))
        image = sum(shifted, start=np.zeros_like(image)).T.astype(np.float32)
    return image


def _compressed(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=quality)
    buffer.seek(0)
    return np.asarray(Image.open(buffer))


def _grey(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    grey: NDArray[np.uint8] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return grey


def _generator(name: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}/noise/{name}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "big")))
