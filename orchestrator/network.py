"""A trained network read from the store: what post-hoc tasks work on."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.data import arrays_folder, open_data
from orchestrator.snapshots import snapshots_file
from orchestrator.storage.store import Store
from trainables.spec import SplitName, TrialSpec, from_plain

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from trainables.data.images import ImageSet, Rows
    from trainables.models import Classifier
    from trainables.multilabel import AnyPredictions


class StoredNetwork:
    """A committed network; every part is read when it is asked for.

    Args:
        store: where it lies.
        key: its key.
    """

    def __init__(self, store: Store, key: str) -> None:
        self.store = store
        self.key = key
        manifest = store.manifest(key)
        self.meta = manifest.meta
        self._names = frozenset(manifest.files)

    @cached_property
    def spec(self) -> TrialSpec:
        """Its description."""
        spec: TrialSpec = from_plain(TrialSpec, self.meta["spec"])
        return spec

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the logits."""
        return tuple(self.meta["classes"])

    @property
    def size(self) -> int:
        """Side in pixels of the images that it was trained on."""
        if self.spec.data.size is not None:
            return self.spec.data.size
        return int(open_data(self.store, self.meta["data"]).pixels.shape[1])

    def has_split(self, split: SplitName) -> bool:
        """Whether the data set has images of that split."""
        return f"predictions-{split}.safetensors" in self._names

    @property
    def multilabel(self) -> bool:
        """Whether its labels do not exclude each other; else it knows one class an image."""
        from trainables.image_predictions import kind_of
        from trainables.multilabel import KIND

        return kind_of(self._file("predictions-val.safetensors")) == KIND

    def predictions(self, split: SplitName) -> AnyPredictions:
        """Logits from the one pass after training. A data set without calib gives val in its place."""
        from trainables.multilabel import load_predictions

        return load_predictions(self._file(f"predictions-{self._present(split)}.safetensors"))

    def snapshots(self, split: SplitName) -> AnyPredictions:
        """Logits at the end of each cycle of the schedule, in order, one member a cycle.

        Raises:
            ValueError: the network has none.
        """
        from trainables.multilabel import load_predictions

        name = snapshots_file(self._present(split))
        if name not in self._names:
            raise ValueError(
                f"{self.key} has no snapshots: {self.spec.schedule.cycles} cycles in {self.spec.schedule.epochs} epochs, of "
                f"which it was trained {self.meta['epochs']}. Give its schedule several cycles."
            )
        return load_predictions(self._file(name))

    def studies(self, split: SplitName) -> tuple[str, ...] | None:
        """The study of each image, rows as in `predictions`; None where the data set knows none."""
        of_images = self._studies
        return tuple(of_images[name] for name in self.predictions(split).image_ids) if of_images else None

    def patients(self, split: SplitName) -> tuple[str, ...] | None:
        """The patient of each image, rows as in `predictions`; None where the data set knows none."""
        of_images = self._patients
        return tuple(of_images[name] for name in self.predictions(split).image_ids) if of_images else None

    def features(self, split: SplitName) -> Tensor:
        """Penultimate features from the same pass, [images, features]."""
        from safetensors.torch import load_file

        return load_file(self._file(f"features-{self._present(split)}.safetensors"))["features"]

    def head(self) -> nn.Linear:
        """The last layer."""
        from safetensors.torch import load_file
        from torch import nn

        weights = load_file(self._file("weights.safetensors"))
        classes, features = weights["head.weight"].shape
        head = nn.Linear(features, classes)
        head.load_state_dict({"weight": weights["head.weight"], "bias": weights["head.bias"]})
        return head

    def classifier(self) -> Classifier:
        """The whole network with its best weights, in eval mode."""
        from safetensors.torch import load_file

        from trainables.models import build_model
        from trainables.spec import without_weights

        model = without_weights(self.spec.model)  # the trained weights replace the initial ones
        classifier = build_model(model, classes=len(self.classes), seed=0, size=self.size, lungs=self.spec.lungs)
        classifier.load_state_dict(load_file(self._file("weights.safetensors")))
        return classifier.eval()

    def images(self, split: SplitName) -> ImageSet:
        """The images of the split, rows as in `predictions`."""
        return open_data(self.store, self.meta["data"]).part(self._present(split))

    def lung_masks(self, split: SplitName) -> Rows[np.bool_] | None:
        """Masks of the lungs, rows as in `images`; None where the data set has none."""
        from trainables.data.stored import load_lung_masks

        key = self.meta["data"]
        masks = load_lung_masks(self.store.folder(key), arrays_folder(self.store, key))
        return None if masks is None else masks.take(open_data(self.store, key).rows_of(self._present(split)))

    @cached_property
    def _studies(self) -> dict[str, str]:
        """Study by image id, from the table of the data set; empty where there are none."""
        table = self._table()
        return dict(zip(table["ids"], table.get("studies") or (), strict=False))

    @cached_property
    def _patients(self) -> dict[str, str]:
        """Patient by image id; empty where they are not known."""
        table = self._table()
        return dict(zip(table["ids"], table["groups"], strict=True)) if table["patients_known"] else {}

    def _table(self) -> dict[str, Any]:
        table: dict[str, Any] = json.loads(self.store.file(self.meta["data"], "table.json").read_text("utf-8"))
        return table

    def _file(self, name: str) -> Path:
        return self.store.file(self.key, name)

    def _present(self, split: SplitName) -> SplitName:
        return split if split != "calib" or self.has_split("calib") else "val"


class NetworkUnderTask(StoredNetwork):
    """A network whose predictions are those of a post-hoc task on it, such as a Laplace posterior's.

    Args:
        store: where both lie.
        key: of the network.
        result: key of the task's result on it.
    """

    def __init__(self, store: Store, key: str, result: str) -> None:
        super().__init__(store, key)
        self.result = result

    def predictions(self, split: SplitName) -> AnyPredictions:
        """What the task stored for the split.

        Raises:
            ValueError: the task stores no predictions.
        """
        from trainables.multilabel import load_predictions

        path = self.store.file(self.result, f"predictions-{self._present(split)}.safetensors")
        if not path.is_file():
            raise ValueError(
                f"{self.result} has no predictions on {split}, so an ensemble cannot pool it. Name a task in `of` that "
                "predicts, such as 'temperature' or 'laplace_kron'."
            )
        return load_predictions(path)
