"""Descriptions of what is computed, as frozen dataclasses with a canonical JSON form. Imports no torch."""

from trainables.spec.augmentation import Augmentation
from trainables.spec.canonical import canonical_json, content_key, from_plain, nearest, to_plain
from trainables.spec.data import SPLITS, DataSpec, Split, SplitName, Synthetic
from trainables.spec.layouts import (
    CHEXPERT_FIVE,
    CHEXPERT_LABELS,
    Chexpert,
    CovidRadiography,
    FileSpec,
    ImageClef,
    ImageFolder,
    ImageTable,
    MedMnist,
    Mura,
    UncertainPolicy,
)
from trainables.spec.loss import ClassDistinct, ConfidencePenalty, CrossEntropy, Focal, LossSpec, WeightedCrossEntropy
from trainables.spec.models import FrozenHead, ModelSpec, PaperCNN, SmallCNN, Timm, initial_weights, without_weights
from trainables.spec.optimization import MEAN_RECALL, Optimizer, PlateauDecay, Schedule, StepDecay
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
from trainables.spec.sampling import Sampling
from trainables.spec.trial import TrialSpec, data_key, fit_key, images_key, network_key
from trainables.spec.versions import VERSIONS

__all__ = [
    "CHEXPERT_FIVE",
    "CHEXPERT_LABELS",
    "MEAN_RECALL",
    "SPLITS",
    "VERSIONS",
    "Aopc",
    "Augmentation",
    "Chexpert",
    "ClassDistinct",
    "ConfidencePenalty",
    "CovidRadiography",
    "CrossEntropy",
    "DataSpec",
    "Ensemble",
    "Evaluation",
    "FileSpec",
    "Focal",
    "FrozenHead",
    "ImageClef",
    "ImageFolder",
    "ImageTable",
    "Laplace",
    "LossSpec",
    "MedMnist",
    "ModelSpec",
    "Mura",
    "NetworkTask",
    "Optimizer",
    "PaperCNN",
    "PixelBaseline",
    "PlateauDecay",
    "PosthocSpec",
    "Sampling",
    "Schedule",
    "SmallCNN",
    "Split",
    "SplitName",
    "StepDecay",
    "Synthetic",
    "Temperature",
    "Timm",
    "TrialSpec",
    "UncertainPolicy",
    "WeightedCrossEntropy",
    "canonical_json",
    "content_key",
    "data_key",
    "fit_key",
    "from_plain",
    "images_key",
    "initial_weights",
    "nearest",
    "network_key",
    "posthoc_key",
    "to_plain",
    "without_weights",
]
