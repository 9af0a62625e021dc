"""From a trial's description to the keys of what it needs, with the data decoded into the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.data import counts_text, left_out
from orchestrator.errors import StorageError
from orchestrator.provenance import cpu_worker
from orchestrator.storage.store import Store
from orchestrator.trial import weights_folder
from trainables.spec import (
    DataSpec,
    FileSpec,
    Split,
    Synthetic,
    TrialSpec,
    data_key,
    fit_key,
    images_key,
    initial_weights,
    lungs_key,
    network_key,
)

if TYPE_CHECKING:
    from trainables.data.listing import Listing
    from trainables.data.prepare import DataSource, Fingerprints


@dataclass(frozen=True, kw_only=True)
class TrialKeys:
    """Keys of a trial: its data, its chain of epochs, its network; of its first stage if it has two, of its lungs' U-Net."""

    data: str
    fit: str
    network: str
    first: TrialKeys | None = None
    lungs: str = ""


class Preparation:
    """Prepares data sets once and remembers their keys.

    Args:
        store: where the decoded data go.
        source: where the files lie.
        on_progress: told how many of how many images are decoded.
        on_ready: told what a data set holds when it is asked for first.
    """

    def __init__(
        self,
        store: Store,
        source: DataSource,
        on_progress: Callable[[int, int], None] | None = None,
        on_ready: Callable[[str], None] | None = None,
    ) -> None:
        self.store = store
        self.source = source
        self._on_progress = on_progress
        self._on_ready = on_ready or (lambda text: None)
        self._data_keys: dict[tuple[DataSpec, Split], str] = {}
        self._files: dict[str, tuple[Listing, Fingerprints]] = {}

    def keys(self, spec: TrialSpec, lineage: str = "") -> TrialKeys:
        """Keys of a trial; its data are in the store when this returns.

        Args:
            spec: the trial.
            lineage: what its training goes on from; empty if it begins.
        """
        self.require_lung_masks(spec)
        data = self.data(spec.data, spec.split)
        first = self.keys(spec.first_trial) if spec.first_trial else None
        lungs = lungs_key(spec.lungs.segmentation, [data]) if spec.lungs else ""
        inputs = [data, *self._weights(spec), *([first.network] if first else []), *([lungs] if lungs else [])]
        inputs += [lineage] if lineage else []
        fit, network = fit_key(spec, inputs), network_key(spec, inputs)
        return TrialKeys(data=data, fit=fit, network=network, first=first, lungs=lungs)

    def require_lung_masks(self, spec: TrialSpec) -> None:
        """Refuse a trial with lungs on a data set without their masks.

        Raises:
            ValueError: no image has a mask, or some have none.
        """
        if spec.lungs is None:
            return
        if isinstance(spec.data, Synthetic) and spec.data.lung_masks:
            return
        masks = () if isinstance(spec.data, Synthetic) else self._listed(spec.data)[0].lung_masks
        if not masks or None in masks:
            found = f"{masks.count(None)} of {len(masks)} images have" if masks else f"{spec.data.kind!r} images have"
            raise ValueError(
                f"lungs/how is {spec.lungs.how!r}, and its U-Net learns from lung masks, but {found} none. Give a data set in "
                "the COVID-19 Radiography layout with a mask for every image (<class>/masks/<name of the image>), take the "
                "embedded radiographs with theirs (data/lung_masks=true), or leave out what looks at "
                "lungs: in covid_lungs --set lungs=none, in p3_covid_open name the other rows (--set row=paper,linear_head,...)."
            )

    def data(self, spec: DataSpec, split: Split) -> str:
        """Key of a decoded and split data set, which is in the store when this returns."""
        known = self._data_keys.get((spec, split))
        if known is None:
            known = data_key(spec, split, self.fingerprints(spec))
            if not self.store.exists(known):
                self._make(spec, split, known)
            elif self.source.on_bad_image == "error":
                self._require_whole(known)
            self._data_keys[spec, split] = known
            self._on_ready(counts_text(self.store, known))
        return known

    def _require_whole(self, key: str) -> None:
        """Refuse a data set that an earlier start made without its bad images: this one has not asked for that."""
        from trainables.data.problems import all_problems, from_plain

        if bad := left_out(self.store, key):
            raise all_problems([from_plain(each, self.source.root) for each in bad])

    def fingerprints(self, spec: DataSpec) -> list[str]:
        """Content of the files behind a data set, as hashes; none for data that are drawn."""
        return [] if isinstance(spec, Synthetic) else self._listed(spec)[1].inputs()

    def multilabel(self, spec: DataSpec) -> bool:
        """Whether an image of the data set may have several labels."""
        return spec.multilabel if isinstance(spec, Synthetic) else self._listed(spec)[0].multilabel

    def _listed(self, spec: FileSpec) -> tuple[Listing, Fingerprints]:
        """What a data set names, and its fingerprints; read once a start."""
        from trainables.data.prepare import fingerprints, list_images, listing_name

        name = listing_name(spec)
        if name not in self._files:
            listing = list_images(spec, self.source)
            self._files[name] = listing, fingerprints(listing, self.store.local / "cache" / "fingerprints.json")
        return self._files[name]

    def _make(self, spec: DataSpec, split: Split, key: str) -> None:
        from trainables.data import drawn
        from trainables.data.tabulate import require_usable, tabulate

        if isinstance(spec, Synthetic):
            self._build(key, {"kind": spec.kind}, lambda folder: drawn.prepare(spec, split, folder, self._on_progress))
            return
        listing, _ = self._listed(spec)
        require_usable(listing, spec, split)
        images = self._images(spec)
        arrays, policy = self.store.folder(images), self.source.on_bad_image
        self._build(
            key,
            {"kind": spec.kind, "images": images},
            lambda folder: tabulate(listing, spec, split, arrays=arrays, folder=folder, on_bad_image=policy),
        )

    def _images(self, spec: FileSpec) -> str:
        """Key of the decoded images of a data set, which are in the store when this returns."""
        from trainables.data.decode_all import decoding_threads
        from trainables.data.prepare import decode

        listing, prints = self._listed(spec)
        key = images_key(spec.size or listing.native_size or 0, prints.pixels)
        if not self.store.exists(key):
            self._build(
                key,
                {},
                lambda folder: decode(
                    listing, spec.size, folder, self._on_progress, on_bad_image=self.source.on_bad_image
                ),
                decoding_threads(),
            )
        return key

    def _build(self, key: str, meta: dict[str, Any], fill: Callable[[Path], None], threads: int = 1) -> None:
        """Fill and commit an artifact; of several processes that ask at once, one does it and the others wait.

        Args:
            key: of the artifact.
            meta: what its manifest says.
            fill: writes its files to a folder.
            threads: that `fill` works with.
        """
        with self.store.turn(key):
            if self.store.exists(key):
                return
            attempt = self.store.begin(key)
            try:
                fill(attempt.folder)
            except OSError as error:
                attempt.abandon()
                raise StorageError(f"The decoded images could not be stored: {error}") from error
            except BaseException:
                attempt.abandon()  # decoded images are large, and every start would leave some more
                raise
            attempt.commit({**meta, "worker": cpu_worker(threads)})

    def _weights(self, spec: TrialSpec) -> list[str]:
        weights = initial_weights(spec.model)
        if weights is None:
            return []
        from trainables.models.weights import weights_fingerprint

        return [weights_fingerprint(weights, weights_folder())]


def named_folder(path: Path | None) -> str:
    """Weights folder for a worker."""
    return str(path) if path else ""
