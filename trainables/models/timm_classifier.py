"""Any timm classifier in the shape of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainables.models.classifier import Classifier
from trainables.models.feature_chain import Cut, cut_at, run_chain
from trainables.models.freezing import freeze
from trainables.models.timm_network import create_network, is_vision_transformer, normalisation_of
from trainables.spec import Timm


class TimmBackbone(nn.Module):
    """The part of a timm network that ends in its feature map; holds all parameters but the head's."""

    def __init__(self, network: nn.Module, cut: Cut | None = None) -> None:
        super().__init__()
        self.network = network
        self.cut = cut
        self.channels_last = getattr(network, "output_fmt", "NCHW") == "NHWC"

    def forward(self, images: Tensor) -> Tensor:
        """Feature map [batch, channels, rows, columns]."""
        if self.cut is None:
            result: Tensor = self.network.forward_features(images)  # type: ignore[operator]
        else:
            result = run_chain(self.network, self.cut.before, images)
        return result.permute(0, 3, 1, 2) if self.channels_last else result


class TokenBackbone(nn.Module):
    """A vision transformer whose last patch tokens, after the last norm, lie on the grid of their patches.

    The class token takes part in attention and is left out of the map: what is pooled is what is explained. The grid follows
    the image, whose sides are padded to whole patches; position embeddings are resampled where it is not the usual one.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Feature map [batch, channels, rows, columns]."""
        tokens: Tensor = self.network.forward_features(images)  # type: ignore[operator]
        rows, columns = self.network.patch_embed.dynamic_feat_size(images.shape[-2:])  # type: ignore[union-attr, operator]
        prefix: int = self.network.num_prefix_tokens  # type: ignore[assignment]
        return tokens[:, prefix:].transpose(1, 2).reshape(len(tokens), -1, rows, columns)


class TimmPooling(nn.Module):
    """From the feature map to penultimate features with the same timm network, which is registered in the backbone alone.

    Attributes:
        drop_rate: of the dropout in it.
    """

    def __init__(self, network: nn.Module, cut: Cut | None = None, drop_rate: float = 0.0) -> None:
        super().__init__()
        self._network = (network,)
        self.cut = cut
        self.drop_rate = drop_rate
        self.channels_last = getattr(network, "output_fmt", "NCHW") == "NHWC"

    def forward(self, feature_map: Tensor) -> Tensor:
        """Penultimate features [batch, features]."""
        if self.channels_last:
            feature_map = feature_map.permute(0, 2, 3, 1)
        if self.cut is not None:
            feature_map = run_chain(self._network[0], self.cut.after, feature_map)
        result: Tensor = self._network[0].forward_head(feature_map, pre_logits=True)  # type: ignore[operator]
        return result


def build_timm(spec: Timm, *, classes: int, weights_folder: Path | None, inputs: int = 1) -> Classifier:
    """Build the named network for grey images.

    Local weights are those of RGB photographs as a rule: for one channel timm sums the first layer's filters over the
    colours, and the normalisation becomes ImageNet's, averaged over the colours; for three the grey image is repeated and
    the normalisation is that of the weights. A vision transformer pools its patch tokens by their mean.

    Args:
        spec: which network.
        classes: width of its head.
        weights_folder: where the file of its weights lies.
        inputs: grey images that the first layer reads at once, a channel each; more than one in a MIMO network.

    Raises:
        ValueError: timm has no network of that name, the weight file is missing, the network has no linear head, or it has
            no such stage, feature layer or stride.
    """
    tokens = is_vision_transformer(spec.name)
    network = _network(spec, classes, weights_folder, tokens, inputs * spec.channels)
    head = network.get_classifier()  # type: ignore[operator]
    if not isinstance(head, nn.Linear):
        raise ValueError(
            f"model/name {spec.name!r} ends in {type(head).__name__}, and post-hoc tasks need one linear layer there. "
            "Choose another network."
        )
    _detach_head(network, head)
    cut = None if spec.feature_layer is None else cut_at(network, spec.feature_layer, channels=inputs * spec.channels)
    if spec.frozen is not None:
        freeze(network, spec.frozen)
    mean, deviation = normalisation_of(network, channels=spec.channels, pretrained=spec.weights is not None)
    backbone: nn.Module = TokenBackbone(network) if tokens else TimmBackbone(network, cut)
    pooling = _average(spec.dropout) if tokens else TimmPooling(network, cut, spec.dropout)
    averages = tokens or (cut is None and _averages(pooling, head.in_features))
    return Classifier(
        backbone=backbone, pooling=pooling, head=head, mean=mean, deviation=deviation, global_average=averages
    )


def _network(spec: Timm, classes: int, weights_folder: Path | None, tokens: bool, channels: int) -> nn.Module:
    settings: dict[str, Any] = {} if spec.output_stride is None else {"output_stride": spec.output_stride}
    if tokens:
        settings |= {"dynamic_img_size": True, "dynamic_img_pad": True, "global_pool": "avg", "fc_norm": False}
    try:
        return create_network(
            spec.name,
            weights=spec.weights,
            weights_folder=weights_folder,
            num_classes=classes,
            in_chans=channels,
            drop_rate=0.0 if tokens else spec.dropout,
            **settings,
        )
    except (TypeError, AssertionError, NotImplementedError) as error:
        if spec.output_stride is None:
            raise
        raise ValueError(
            f"model/output_stride is {spec.output_stride}, and {spec.name!r} cannot change its stride ({error}). Leave it out."
        ) from None


def _average(dropout: float) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))


@torch.no_grad()
def _averages(pooling: nn.Module, channels: int) -> bool:
    """Whether a timm network's own pooling is the mean over positions and nothing more."""
    probe = torch.linspace(-1, 1, channels * 6).square().reshape(1, channels, 2, 3)
    network: nn.Module = pooling._network[0]  # type: ignore[index, assignment]
    training = network.training
    try:
        network.eval()
        pooled = pooling(probe)
        return bool(torch.allclose(pooled, probe.mean((2, 3)), atol=1e-5))
    except RuntimeError:  # dense layers in front of the head want another number of channels
        return False
    finally:
        network.train(training)


def _detach_head(network: nn.Module, head: nn.Linear) -> None:
    """Take the head out of the timm network, so that each parameter has one name."""
    name = next(name for name, module in network.named_modules() if module is head)
    parent, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(parent), leaf, nn.Identity())
