"""Any timm classifier in the shape of ours."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from torch import Tensor, nn

from trainables.models.classifier import Classifier
from trainables.spec import Timm, nearest

os.environ.setdefault("HF_HUB_OFFLINE", "1")

IMAGENET_GREY = (0.449, 0.226)


class TimmBackbone(nn.Module):
    """The part of a timm network that ends in its last feature map; holds all parameters but the head's."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Feature map [batch, channels, rows, columns]."""
        result: Tensor = self.network.forward_features(images)  # type: ignore[operator]
        return result


class TimmPooling(nn.Module):
    """Pooling and dropout of the same timm network, which stays registered in the backbone alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._network = (network,)

    def forward(self, feature_map: Tensor) -> Tensor:
        """Penultimate features [batch, features]."""
        result: Tensor = self._network[0].forward_head(feature_map, pre_logits=True)  # type: ignore[operator]
        return result


def build_timm(spec: Timm, *, classes: int, weights_folder: Path | None) -> Classifier:
    """Build the named network for grey images.

    Local weights are those of RGB photographs as a rule: timm sums the first layer's filters over the colours, and the
    normalisation becomes ImageNet's, averaged over the colours.

    Raises:
        ValueError: timm has no network of that name, the weight file is missing, or the network has no linear head.
    """
    import timm

    if not timm.is_model(spec.name):
        raise ValueError(
            f"model/name is {spec.name!r}, which timm does not know. {nearest(spec.name, timm.list_models())}"
        )
    overlay = None
    if spec.weights is not None:
        overlay = {"file": str(weights_file(spec.weights, weights_folder)), "custom_load": False}
    stride = {} if spec.output_stride is None else {"output_stride": spec.output_stride}
    try:
        network = timm.create_model(
            spec.name,
            pretrained=overlay is not None,
            pretrained_cfg_overlay=overlay,
            num_classes=classes,
            in_chans=1,
            drop_rate=spec.dropout,
            **stride,
        )
    except (TypeError, AssertionError, NotImplementedError) as error:
        if not stride:
            raise
        raise ValueError(
            f"model/output_stride is {spec.output_stride}, and {spec.name!r} cannot change its stride ({error}). Leave it out."
        ) from None
    head = network.get_classifier()
    if not isinstance(head, nn.Linear):
        raise ValueError(
            f"model/name {spec.name!r} ends in {type(head).__name__}, and post-hoc tasks need one linear layer there. "
            "Choose another network."
        )
    _detach_head(network, head)
    mean, deviation = IMAGENET_GREY if spec.weights else (0.5, 0.25)
    return Classifier(
        backbone=TimmBackbone(network), pooling=TimmPooling(network), head=head, mean=mean, deviation=deviation
    )


def weights_file(name: str, folder: Path | None) -> Path:
    """Find a weight file by its name in the weights folder.

    Raises:
        ValueError: no folder was named, the name leaves it, or the file is not there.
    """
    if folder is None:
        raise ValueError(
            f"model/weights is {name!r}, and no folder of weights is known. Put the file into a folder and name the folder "
            "in the environment variable ORCHESTRATOR_WEIGHTS."
        )
    path = folder / name
    if Path(name).name != name or not path.is_file():
        raise ValueError(
            f"model/weights is {name!r}, and {folder} holds no such file. Copy it there (no network is used)."
        )
    return path


def weights_fingerprint(name: str, folder: Path | None) -> str:
    """Content hash of a weight file: an input of the network's key."""
    with weights_file(name, folder).open("rb") as file:
        return "weights-" + hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _detach_head(network: nn.Module, head: nn.Linear) -> None:
    """Take the head out of the timm network, so that each parameter has one name."""
    name = next(name for name, module in network.named_modules() if module is head)
    parent, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(parent), leaf, nn.Identity())
