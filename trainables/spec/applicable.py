"""Which networks a post-hoc task is defined for, by their description alone. No torch here."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass

from trainables.spec.attentive import AttentiveMaps
from trainables.spec.explanations import AopcStability, ExplanationScores
from trainables.spec.maps import MemberMaps
from trainables.spec.models import FrozenHead, Mimo, ModelSpec, PaperCNN, Timm, heads_of
from trainables.spec.posthoc import Aopc, Laplace, McDropout, NetworkTask, Snapshots
from trainables.spec.trial import TrialSpec

OF_SOME_NETWORKS = (
    "mc_dropout",
    "snapshots",
    "laplace",
    "aopc",
    "aopc_stability",
    "explanation_scores",
    "member_maps",
    "attentive",
)
"""Kinds of tasks that are not defined for every network."""

PAPERS_WITH_DENSE_LAYERS = ("p1_small", "p1_large")
"""Networks of papers that have more than one linear layer at their end."""

WITHOUT_RELU = (
    "vit_",
    "deit",
    "test_vit",
    "convnext",
    "test_convnext",
    "efficientnet",
    "test_efficientnet",
    "swin",
    "beit",
)
"""How the names of timm's networks with another non-linearity begin."""

RELU_FAMILIES = re.compile(r"(wide_)?res(net|next)(v2_)?\d|densenet(blur)?\d|vgg\d|regnetx_|dla\d|hrnet_w|inception_v3")
"""Names of timm's networks that have no other non-linearity than ReLU; the task itself looks once more."""

PAPERS_WITH_DROPOUT = ("p0", "p1_large", "p4_deeper")
"""Networks of papers that have dropout unless a spec says otherwise."""


def why_undefined(task: NetworkTask, spec: TrialSpec) -> str:
    """Why a task says nothing about a network that is trained by this description; empty where it does.

    Such a result is not missing, and it is no failure: dropout that a network has not gives no members.
    """
    if isinstance(task, McDropout) and not has_dropout(spec.model):
        return "the network has no dropout (model/dropout is 0)"
    if isinstance(task, Snapshots) and spec.schedule.cycles < (task.last or 2):
        return f"its schedule has too few cycles ({spec.schedule.cycles}; schedule/cycles)"
    if isinstance(task, Laplace) and heads_of(spec.model) > 1:
        return "the network has several heads (model/members)"
    if isinstance(task, MemberMaps):
        return why_undefined(McDropout() if task.over == "mc_dropout" else Laplace(), spec)
    if isinstance(task, Aopc | AopcStability):
        return why_unexplained(task.explainer, spec.model)
    if isinstance(task, ExplanationScores):
        return why_unexplained(task.method, spec.model)
    if isinstance(task, AttentiveMaps) and not has_relus_only(spec.model):
        return "its rule is for ReLU, and the network is not known to have no other non-linearity"
    return ""


def why_unexplained(method: str, model: ModelSpec) -> str:
    """Why a method says nothing about a network, as far as the description tells; empty where it does not.

    What it does not tell, the method says when it sees the network (`trainables.explain.methods.require_method`).
    """
    name = model.name if isinstance(model, Timm | Mimo) else model.backbone if isinstance(model, FrozenHead) else ""
    is_dense = isinstance(model, FrozenHead) or (isinstance(model, PaperCNN) and model.name in PAPERS_WITH_DENSE_LAYERS)
    if method == "cam" and (is_dense or name.startswith("vgg")):
        return (
            "cam needs global average pooling and one linear layer at the end, and the network has other layers there"
        )
    if method == "lrp" and name and not name.startswith("vgg"):
        return f"lrp is for plain chains of layers, and {name} is none"
    if method in ("guided_backprop", "attentive") and name.startswith(WITHOUT_RELU):
        return f"{method} is for networks of ReLU, and {name} has others"
    return ""


def has_relus_only(model: ModelSpec) -> bool:
    """Whether the network's non-linearities are ReLU, as far as its name says."""
    if isinstance(model, Timm | Mimo):
        return RELU_FAMILIES.match(model.name) is not None
    return not isinstance(model, FrozenHead) or RELU_FAMILIES.match(model.backbone) is not None


def has_dropout(model: ModelSpec) -> bool:
    """Whether the network drops units in training, so that it has something to draw members with."""
    if isinstance(model, PaperCNN):
        has_channels_dropped = model.name == "p1_large"  # which `dropout` does not replace
        asked = model.name in PAPERS_WITH_DROPOUT if model.dropout is None else model.dropout > 0
        return asked or has_channels_dropped
    inner = [getattr(model, field.name) for field in fields(model)]
    return getattr(model, "dropout", 0.0) > 0 or any(has_dropout(part) for part in inner if is_dataclass(part))  # type: ignore[arg-type]
