"""What stands behind a synthetic image before it is drawn: its random numbers, findings, label, marker."""

from enum import IntEnum

import numpy as np

CLASSES: tuple[str, ...] = ("normal", "opacity", "effusion", "enlarged_heart")
FINDINGS: tuple[str, ...] = CLASSES[1:]
Findings = tuple[bool, bool, bool]

MULTILABEL_PREVALENCE = 0.35
"""How often each finding is present in the multi-label variant, independently of the others."""

BALANCED = 32
"""Every so many images the classes are exactly even."""


class Purpose(IntEnum):
    """A stream of random numbers per purpose: an option changes what it is about and nothing else."""

    PATIENT = 0
    VISIT = 1
    FINDINGS = 2
    LABEL = 3
    BURN_IN = 4
    MARKER = 5
    GRAIN = 6
    HEALTH = 7


def stream(seed: int, purpose: Purpose, number: int) -> np.random.Generator:
    """Return the random numbers of one image (or patient) for one purpose; they depend on nothing else."""
    return np.random.default_rng((seed, int(purpose), number))


def draw_findings(seed: int, index: int, multilabel: bool, healthy: float = 0.0) -> Findings:
    """Draw what an image shows: each finding by itself if ``multilabel``, else one class.

    The classes are shuffled within each block of `BALANCED` images, so that small data sets are even too. With the
    probability ``healthy`` an image shows no finding, whatever was drawn for it.
    """
    if healthy > 0.0 and stream(seed, Purpose.HEALTH, index).random() < healthy:
        return False, False, False
    if multilabel:
        draws = stream(seed, Purpose.FINDINGS, index).random(len(FINDINGS))
        opacity, effusion, enlarged = draws < MULTILABEL_PREVALENCE
        return bool(opacity), bool(effusion), bool(enlarged)
    block, place = divmod(index, BALANCED)
    label = int(stream(seed, Purpose.FINDINGS, block).permutation(BALANCED)[place]) % len(CLASSES)
    return label == 1, label == 2, label == 3


def given_label(seed: int, index: int, true_label: int, label_noise: float) -> int:
    """Return the true label or, with probability ``label_noise``, one of the other classes, evenly."""
    rng = stream(seed, Purpose.LABEL, index)
    wrong = rng.random() < label_noise
    away = int(rng.integers(1, len(CLASSES)))
    return (true_label + away) % len(CLASSES) if wrong else true_label


def has_marker(
    seed: int, index: int, findings: Findings, *, shortcut: float, follows_class: bool, multilabel: bool
) -> bool:
    """Return whether the misleading marker lies on the film; overall it does as often as opacity occurs."""
    if shortcut == 0.0:
        return False
    follows, independent = stream(seed, Purpose.MARKER, index).random(2)
    if follows_class and follows < shortcut:
        return findings[0]
    return bool(independent < (MULTILABEL_PREVALENCE if multilabel else 1.0 / len(CLASSES)))


def check_options(
    index: int,
    size: int,
    seed: int,
    images_per_patient: int,
    label_noise: float,
    shortcut: float,
    multilabel: bool,
    healthy: float = 0.0,
) -> None:
    """Refuse options that no radiograph can be drawn with.

    Raises:
        ValueError: Naming the option, its rule, its value and the way out.
    """
    if index < 0 or seed < 0:
        raise ValueError(f"synthesize() needs index and seed >= 0, got {index} and {seed}. Count both from 0.")
    if size < 32:
        raise ValueError(
            f"synthesize() needs size >= 32 pixels, got {size}: smaller, a lesion would vanish. Draw at 32 "
            "and scale down."
        )
    if images_per_patient < 1:
        raise ValueError(
            f"synthesize() needs images_per_patient >= 1, got {images_per_patient}. Use 1 for a patient per image."
        )
    for name, value in (("label_noise", label_noise), ("shortcut", shortcut), ("healthy", healthy)):
        if not 0.0 <= value <= 1.0:
            raise ValueError(
                f"synthesize() needs {name} between 0 and 1, got {value}. It is a probability: 5 % is 0.05."
            )
    if multilabel and label_noise > 0.0:
        raise ValueError(
            f"synthesize() got label_noise={label_noise} with multilabel=True, but noise is "
            "defined for one label per image. Set label_noise=0, or multilabel=False."
        )
