"""Descriptions of what is computed, as frozen dataclasses with a canonical JSON form. Imports no torch."""

from trainables.spec.canonical import canonical_json, content_key, from_plain, nearest, to_plain
from trainables.spec.data import SPLITS, Augmentation, CovidRadiography, DataSpec, Split, SplitName, Synthetic
from trainables.spec.network import (
    ClassDistinct,
    CrossEntropy,
    Focal,
    LossSpec,
    ModelSpec,
    Optimizer,
    Schedule,
    SmallCNN,
    Timm,
    WeightedCrossEntropy,
)
from trainables.spec.posthoc import (
    Aopc,
    Ensemble,
    Evaluation,
    Laplace,
    NetworkTask,
    PixelBaseline,
    PosthocSpec,
    Temperature,
    posthoc_key,
)
from trainables.spec.trial import TrialSpec, data_key, fit_key, network_key
from trainables.spec.versions import VERSIONS

__all__ = [
    "SPLITS",
    "VERSIONS",
    "Aopc",
    "Augmentation",
    "ClassDistinct",
    "CovidRadiography",
    "CrossEntropy",
    "DataSpec",
    "Ensemble",
    "Evaluation",
    "Focal",
    "Laplace",
    "LossSpec",
    "ModelSpec",
    "NetworkTask",
    "Optimizer",
    "PixelBaseline",
    "PosthocSpec",
    "Schedule",
    "SmallCNN",
    "Split",
    "SplitName",
    "Synthetic",
    "Temperature",
    "Timm",
    "TrialSpec",
    "WeightedCrossEntropy",
    "canonical_json",
    "content_key",
    "data_key",
    "fit_key",
    "from_plain",
    "nearest",
    "network_key",
    "posthoc_key",
    "to_plain",
]
