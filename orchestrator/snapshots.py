"""What a network said at the end of each cycle of its schedule, stored beside what its best weights say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.spec import SPLITS

if TYPE_CHECKING:
    from trainables.data.images import ImageSet
    from trainables.models import Classifier


def snapshots_file(split: str) -> str:
    """Name of the file with the members of a split."""
    return f"snapshots-{split}.safetensors"


def save_snapshots(classifier: Classifier, weights: Mapping[int, Path], data: ImageSet, folder: Path) -> None:
    """Pass over val, calib and test once a snapshot, and store its logits as a member; train is judged by nobody.

    Args:
        classifier: on the device that it is to run on; left with the weights of the last snapshot.
        weights: files of weights by epoch; none, and nothing is done.
        data: the whole data set.
        folder: of the network.
    """
    if not weights:
        return
    from safetensors.torch import load_file

    from trainables.predict import one_pass
    from trainables.predictions import join_members

    parts = {split: part for split in SPLITS if split != "train" and len(part := data.part(split))}
    members = []
    for epoch in sorted(weights):
        classifier.load_state_dict(load_file(weights[epoch]))
        members.append({split: one_pass(classifier, part, split=split)[0] for split, part in parts.items()})
    for split in parts:
        join_members([each[split] for each in members]).save(folder / snapshots_file(split))
