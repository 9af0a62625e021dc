"""Explanations: maps of a network's classes, and scores that say whether to trust them."""

from trainables.explain.aopc import AopcScores, area_by_step, area_over_curve, perturbation_curves, score_maps
from trainables.explain.grad_cam import grad_cam, signed_maps, upsample
from trainables.explain.localisation import Localisation, localise
from trainables.explain.regions import Regions, most_relevant_first

__all__ = [
    "AopcScores",
    "Localisation",
    "Regions",
    "area_by_step",
    "area_over_curve",
    "grad_cam",
    "localise",
    "most_relevant_first",
    "perturbation_curves",
    "score_maps",
    "signed_maps",
    "upsample",
]
