"""A feature map as one row, for dense layers that are as wide as the map."""

from __future__ import annotations

from torch import Tensor, nn


class FlattenMap(nn.Module):
    """[batch, channels, rows, columns] to [batch, channels * rows * columns], for maps of one shape only.

    Args:
        shape: channels, rows and columns that the dense layers are made for.
        size: side in pixels of the images that end in such a map, for messages.
    """

    def __init__(self, shape: tuple[int, int, int], size: int) -> None:
        super().__init__()
        self.shape = shape
        self.size = size

    @property
    def features(self) -> int:
        """Numbers in a row."""
        channels, rows, columns = self.shape
        return channels * rows * columns

    def forward(self, feature_map: Tensor) -> Tensor:
        """Flatten, or refuse a map of images of another size."""
        if feature_map.shape[1:] != self.shape:
            raise ValueError(
                f"The dense layers of this network are made for images of {self.size} px, which end in "
                f"{_text(self.shape)}, and it was given images that end in {_text(feature_map.shape[1:])}. "
                f"Pass images of {self.size} px, or train a network for the others."
            )
        return feature_map.flatten(1)


def _text(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} channels of {shape[1]} x {shape[2]} cells"
