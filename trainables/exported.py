"""A network, or an ensemble, in a folder of its own: weights, description, classes, temperature. Nothing is pickled.

model.json                    what follows, and where it comes from
members/<key>.safetensors     the weights of each network
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.predictor import Predictor, columns_of
from trainables.spec import TrialSpec, from_plain, heads_of, without_weights

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
DESCRIPTION, MEMBERS = "model.json", "members"


@dataclass(frozen=True, kw_only=True)
class ExportedMember:
    """A network of the folder.

    Attributes:
        key: of the network in the store that it comes from.
        spec: its description as JSON values.
        size: side in pixels of the images that it reads.
        weight: how often it counts.
    """

    key: str
    spec: Mapping[str, Any]
    size: int
    weight: int = 1


def save_exported(
    folder: Path,
    members: Sequence[tuple[ExportedMember, Mapping[str, Tensor]]],
    *,
    classes: Sequence[str],
    multilabel: bool,
    temperature: float,
    pooled: bool,
    about: Mapping[str, Any],
) -> None:
    """Write the folder, which must be empty or not there.

    Args:
        folder: is made.
        members: networks with their state dicts.
        classes: names in the order of the probabilities.
        multilabel: whether they are labels.
        temperature: of all members together.
        pooled: whether it is an ensemble.
        about: where it comes from, as JSON values.
    """
    from safetensors.torch import save_file

    (folder / MEMBERS).mkdir(parents=True)
    for member, weights in members:
        save_file(dict(weights), folder / MEMBERS / f"{member.key}.safetensors")
    description = {
        "format": FORMAT,
        "classes": list(classes),
        "multilabel": multilabel,
        "temperature": temperature,
        "pooled": pooled,
        "members": [
            {"key": each.key, "spec": dict(each.spec), "size": each.size, "weight": each.weight} for each, _ in members
        ],
        "about": dict(about),
    }
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


def load_exported(folder: Path | str) -> Predictor:
    """Read the folder; the networks are on the GPU, if there is one.

    Raises:
        ValueError: it is no exported model, is of a later format, or weights do not fit their description.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from trainables.models import build_model

    folder = Path(folder)
    plain = _description(folder)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    members = []
    for each in plain["members"]:
        spec: TrialSpec = from_plain(TrialSpec, each["spec"])
        model = without_weights(spec.model)
        classifier = build_model(model, classes=len(plain["classes"]), seed=0, size=int(each["size"]), lungs=spec.lungs)
        path = folder / MEMBERS / f"{Path(each['key']).name}.safetensors"
        try:
            classifier.load_state_dict(load_file(path))
        except (OSError, RuntimeError, SafetensorError) as error:
            raise ValueError(f"{path} does not hold the weights that {DESCRIPTION} describes: {error}") from None
        members.append((classifier.eval().to(device), int(each["size"])))
    return Predictor(
        classes=tuple(plain["classes"]),
        multilabel=bool(plain["multilabel"]),
        temperature=float(plain["temperature"]),
        members=tuple(members),
        weights=tuple(int(each["weight"]) for each in plain["members"]),
        pooled=bool(plain["pooled"]),
    )


def exported_columns(folder: Path | str) -> list[str]:
    """What a prediction of the folder's networks tells, in order. They are not built, which may take seconds.

    Raises:
        ValueError: it is no exported model, or of a later format.
    """
    plain = _description(Path(folder))
    specs: list[TrialSpec] = [from_plain(TrialSpec, each["spec"]) for each in plain["members"]]
    heads = any(heads_of(each.model) > 1 for each in specs)
    return columns_of(plain["classes"], multilabel=plain["multilabel"], several=plain["pooled"] or heads)


def _description(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    try:
        plain: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{folder} is no exported model: {path.name} cannot be read ({error}). `orchestrator export` makes one."
        ) from None
    if plain.get("format") != FORMAT:
        raise ValueError(
            f"{path} has the format {plain.get('format')!r}, and this version reads {FORMAT}. Update, or export it again."
        )
    return plain
