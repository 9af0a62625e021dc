"""Another data folder in the store: decoded once, keyed by what its files hold and by the networks' classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.storage.store import Store
from trainables.spec import VERSIONS, DataSpec, FileSpec, Synthetic, content_key

if TYPE_CHECKING:
    from trainables.data.listing import Listing
    from trainables.data.prepare import DataSource


@dataclass(frozen=True)
class ExternalFolder:
    """A data folder seen by networks that know certain classes.

    Attributes:
        store: where decoded images go.
        spec: how the networks' own data set is read.
        source: where the files lie.
        classes: the networks' classes.
        renamed: class by class folder, from `--map`.
    """

    store: Store
    spec: FileSpec
    source: DataSource
    classes: tuple[str, ...]
    renamed: Mapping[str, str]

    @cached_property
    def listing(self) -> Listing:
        """What the folder names.

        Raises:
            DataProblem: another layout, or a class that the networks do not know.
        """
        from trainables.data.external import list_external

        return list_external(self.spec, self.source, classes=self.classes, renamed=self.renamed)

    @cached_property
    def fingerprints(self) -> list[str]:
        """Content of its files, then of its patients where they are known."""
        from trainables.data.external import external_fingerprints

        return external_fingerprints(self.listing, self.store.local / "cache" / "fingerprints.json")

    @property
    def patients(self) -> int | None:
        """How many patients there are, or None where no file names them."""
        known = {who for who in self.listing.patients if who is not None}
        return len(known) or None

    def key(self, spec: FileSpec) -> str:
        """Key of the images, decoded to the size that a network wants."""
        from trainables.data.external import as_external

        settings = {"spec": as_external(spec), "classes": self.classes, "renamed": dict(self.renamed)}
        return content_key("external", version=VERSIONS["data"], settings=settings, inputs=self.fingerprints)

    def decoded(self, spec: FileSpec, on_progress: Callable[[int, int], None] | None = None) -> Path:
        """Folder with the decoded images; `trainables.data.stored.load` opens it."""
        from trainables.data.external import prepare_external

        key = self.key(spec)
        if not self.store.exists(key):
            attempt = self.store.begin(key)
            prepare_external(
                spec,
                self.source,
                attempt.folder,
                classes=self.classes,
                renamed=self.renamed,
                on_progress=on_progress,
            )
            attempt.commit({"kind": "external", "fingerprints": self.fingerprints})
        return self.store.folder(key)


def on_disk(spec: DataSpec, sweep: str, classes: tuple[str, ...]) -> FileSpec:
    """The data description of a network that was trained on files.

    Raises:
        ValueError: it was trained on embedded radiographs.
    """
    if isinstance(spec, Synthetic):
        raise ValueError(
            f"The sweep {sweep!r} was trained on embedded radiographs, whose classes ({', '.join(classes)}) no data folder "
            "has, so there is nothing to validate it on. Evaluate a sweep that was started with --data; to see what this one "
            f"says of single images: orchestrator predict {sweep} FOLDER --out predictions.csv"
        )
    return spec
