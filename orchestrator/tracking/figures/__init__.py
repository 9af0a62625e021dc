"""The papers' figures as PNG files, drawn from stored results. Importing this package imports no matplotlib."""

from orchestrator.tracking.figures.learning import learning_curves
from orchestrator.tracking.figures.perturbation import perturbation_curves
from orchestrator.tracking.figures.reliability import reliability_diagrams
from orchestrator.tracking.figures.saliency import saliency_grid

__all__ = ["learning_curves", "perturbation_curves", "reliability_diagrams", "saliency_grid"]
