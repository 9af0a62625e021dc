"""What an explained image of a user's own is: its record in the ledger, and its maps in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import StorageError
from orchestrator.storage.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TENSORS = "maps.safetensors"


@dataclass(frozen=True, kw_only=True)
class ExplainedMember:
    """A network that took part.

    Attributes:
        key, name: of the network.
        weight: how often it counts; a selection may have taken it several times.
        predicted: its own most probable class or label.
        probability: of the explained class, by this network alone, before calibration.
    """

    key: str
    name: str
    weight: int
    predicted: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """An image, a class and why. It holds no name of a file, which may be a patient's.

    Attributes:
        key: names it by network, content of the image, method and class.
        network, kind, name: what answered, as in `Chosen`.
        content: sha256 of the image file.
        method: one of `trainables.explain.METHODS`.
        explained_class: the class or label whose evidence is shown.
        predicted: the most probable class; of labels those above one half, joined by `; `.
        uncalibrated, calibrated: probability by class.
        temperature: what lies between them.
        entropy: of the calibrated probabilities, in nats.
        mutual_information, disagreement: of the members, before calibration; None for a network that has none.
        map_correlation: mean Spearman correlation of two members' maps; None for a single network.
        members: the networks, in the order of their maps.
        time: when it was computed, seconds since 1970.
    """

    key: str
    network: str
    kind: str
    name: str
    content: str
    method: str
    explained_class: str
    predicted: str
    uncalibrated: Mapping[str, float]
    calibrated: Mapping[str, float]
    temperature: float
    entropy: float
    mutual_information: float | None
    disagreement: float | None
    map_correlation: float | None
    members: tuple[ExplainedMember, ...]
    time: float = field(default=0.0, compare=False)

    def to_plain(self) -> dict[str, Any]:
        """As JSON values: what the ledger keeps and the tracking server gets."""
        return asdict(self)

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Explanation:
        """Read what `to_plain` wrote."""
        return Explanation(**{**plain, "members": tuple(ExplainedMember(**each) for each in plain["members"])})


@dataclass(frozen=True, kw_only=True)
class ExplainedImage:
    """An image as the user named it.

    Attributes:
        file: its path.
        problem: why it could not be read; empty where it could.
        explanation: None where it could not be read.
        pictures: PNG files that were written, by what they show: `explanation`, `overlays`, `members`.
    """

    file: str
    problem: str = ""
    explanation: Explanation | None = None
    pictures: Mapping[str, str] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Explained:
    """The images of one call.

    Attributes:
        sweep: its name.
        key, kind, name: of the network or ensemble that answered.
        temperature: fitted on the sweep's calib split.
        method: of all maps.
        out: where the pictures lie.
        images: in the order in which they were given.
        remarks: sentences for the user.
    """

    sweep: str
    key: str
    kind: str
    name: str
    temperature: float
    method: str
    out: str
    images: tuple[ExplainedImage, ...]
    remarks: tuple[str, ...] = ()

    @property
    def bad(self) -> tuple[ExplainedImage, ...]:
        """The images that could not be read."""
        return tuple(image for image in self.images if image.problem)

    def to_plain(self) -> dict[str, Any]:
        """As JSON values: the document of `orchestrator explain --json`."""
        return asdict(self)


def save_maps(folder: Path, pixels: NDArray[np.uint8], maps: NDArray[np.float32]) -> None:
    """Write an image [side, side] and its members' maps [members, side, side] from 0 to 1; 16 bits will do for a picture."""
    import numpy as np
    from safetensors.numpy import save_file

    arrays: dict[str, NDArray[Any]] = {
        "pixels": np.ascontiguousarray(pixels),
        "maps": np.ascontiguousarray(maps.astype(np.float16)),
    }
    save_file(arrays, folder / TENSORS)


def load_maps(store: Store, key: str, weights: Sequence[int]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The image, and the maps of the members, each as often as it counts.

    Raises:
        MissingArtifact: the explanation is not in the store.
    """
    import numpy as np
    from safetensors.numpy import load_file

    arrays = load_file(store.file(key, TENSORS))
    return arrays["pixels"], np.repeat(arrays["maps"].astype(np.float32), weights, axis=0)


def write_pictures(store: Store, found: Explanation, out: Path, stem: str, *, members: bool) -> dict[str, str]:
    """Write the pictures of an explanation; those of the same image, network, method and class are replaced.

    Args:
        store: with the maps.
        found: what is to be shown.
        out: folder, made where it is missing.
        stem: of the image file's name; the pictures begin with it.
        members: also the maps of each member and what they have in common.

    Returns:
        Path by what the picture shows.

    Raises:
        StorageError: the folder cannot be written.
    """
    from orchestrator.figures.explained import pictures_of

    pixels, maps = load_maps(store, found.key, [member.weight for member in found.members])
    words = "-".join((stem, found.content[:8], found.name, found.method, found.explained_class))
    front = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in words)
    written = {}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for what, draw in pictures_of(found.to_plain(), pixels, maps, members=members).items():
            path = out / f"{front}-{what}.png"
            path.write_bytes(draw())
            written[what] = str(path)
    except OSError as error:
        raise StorageError(f"--out {out}: {error.strerror or error}. Choose another folder.") from None
    return written
