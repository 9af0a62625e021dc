"""How training images are changed at random. No torch here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes of a training image, drawn for each image anew; every change is off by default.

    All movements are one resampling of the image; its intensities are changed after it.

    Attributes:
        flip: mirror left and right half of the time (moves the heart to the other side).
        shift: largest translation as a share of the side.
        rotate_degrees: largest rotation either way.
        zoom: largest relative change of scale either way.
        brightness: largest change added to intensities in [0, 1].
        contrast: largest relative change of contrast.
        shear_degrees: largest slant of vertical lines either way.
        stretch: largest relative change of width, and of height, each drawn on its own.
        crop: largest share of the area that is cut away. A square window that keeps at least `1 - crop` of the moved image
            is blown up to the whole; its area is drawn uniformly, its place is anywhere inside.
        noise: standard deviation of normal noise, for each pixel its own, on intensities in [0, 1].
    """

    flip: bool = False
    shift: float = 0.0
    rotate_degrees: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    shear_degrees: float = 0.0
    stretch: float = 0.0
    crop: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for name in ("shift", "zoom", "brightness", "contrast", "noise"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"augmentation/{name} is {getattr(self, name)}; it is a share between 0 and 1.")
        for name in ("stretch", "crop"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"augmentation/{name} is {getattr(self, name)}; it is a share from 0 to below 1, where nothing of the "
                    "image would be left."
                )
        if not 0 <= self.rotate_degrees <= 180:
            raise ValueError(f"augmentation/rotate_degrees is {self.rotate_degrees}; it lies between 0 and 180.")
        if not 0 <= self.shear_degrees < 90:
            raise ValueError(f"augmentation/shear_degrees is {self.shear_degrees}; it lies between 0 and below 90.")

    @property
    def moves(self) -> bool:
        """Whether any pixel changes its place."""
        shares = (self.shift, self.rotate_degrees, self.zoom, self.shear_degrees, self.stretch, self.crop)
        return self.flip or any(shares)
