"""Synthetic chest radiographs whose cause is known: every finding comes with the mask of what makes it.

The generator is embedded, so that a demo needs no download, and drawn, so that explanations can be scored
against the truth. It is meant to behave like the real thing (patients, pose, exposure, noise, wrong labels,
markers that mislead), not to teach anatomy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from trainables.data.anatomy_drawing import Anatomy, draw_anatomy
from trainables.data.film_drawing import burn_in_letter, burn_in_marker, expose
from trainables.data.finding_drawing import draw_thorax, draw_visit

CLASSES: tuple[str, ...] = ("normal", "opacity", "effusion", "enlarged_heart")
FINDINGS: tuple[str, ...] = CLASSES[1:]
Findings = tuple[bool, bool, bool]

MULTILABEL_PREVALENCE = 0.35
"""How often each finding is present in the multi-label variant, independently of the others."""

# One stream of random numbers per purpose: an option changes what it is about and nothing else.
_PATIENT, _VISIT, _CLASS, _LABEL, _LETTER, _MARKER, _GRAIN = range(7)


@dataclass(frozen=True, kw_only=True)
class Radiograph:
    """One synthetic radiograph with the whole truth about it.

    Attributes:
        pixels: Grey values ``[size, size]``; dense tissue is bright.
        finding_masks: ``[3, size, size]``, one per name in `FINDINGS`, empty where the finding is absent.
            Opacity: the lesion. Effusion: the fluid. Enlarged heart: the whole outline of the heart, which
            is what readers outline, not only the rim by which it is too large.
        marker_mask: ``[size, size]``, where the misleading marker lies; empty when absent.
        label: The label as given, after label noise; an index in `CLASSES`.
        true_label: What is really there. In the multi-label variant, the first finding present, or normal.
        findings: Whether each of `FINDINGS` is really there.
        patient: Name of the patient, such as ``p00012``.
    """

    pixels: NDArray[np.uint8]
    finding_masks: NDArray[np.bool_]
    marker_mask: NDArray[np.bool_]
    label: int
    true_label: int
    findings: Findings
    patient: str


@dataclass(frozen=True, kw_only=True)
class Radiographs:
    """A stack of radiographs, in the order of their indices.

    Attributes:
        pixels: Grey values ``[N, size, size]``.
        class_masks: ``[N, size, size]``, what makes the true label (all findings together in the multi-label
            variant); empty for normal.
        finding_masks: ``[N, 3, size, size]``, see `Radiograph`.
        marker_masks: ``[N, size, size]``, empty without a marker.
        labels: Labels as given ``[N]``, indices in `CLASSES`.
        true_labels: Labels before noise ``[N]``.
        findings: ``[N, 3]``, the targets of the multi-label variant.
        patients: Patient of each image.
        ids: Name of each image, such as ``synthetic/000012``.
    """

    pixels: NDArray[np.uint8]
    class_masks: NDArray[np.bool_]
    finding_masks: NDArray[np.bool_]
    marker_masks: NDArray[np.bool_]
    labels: NDArray[np.int64]
    true_labels: NDArray[np.int64]
    findings: NDArray[np.bool_]
    patients: tuple[str, ...]
    ids: tuple[str, ...]


def synthesize(
    index: int,
    *,
    size: int = 64,
    seed: int = 0,
    images_per_patient: int = 4,
    label_noise: float = 0.0,
    shortcut: float = 0.0,
    marker_follows_class: bool = False,
    multilabel: bool = False,
) -> Radiograph:
    """Draw radiograph number ``index``; it depends on the arguments alone, not on what was drawn before.

    Consecutive images belong to one patient, who keeps anatomy and exposure; pose, noise and the look of a
    finding vary by image. The class is drawn evenly for each image, independently of the patient, so that
    one anatomy is seen with and without findings.

    Args:
        index: Number of the image, from 0.
        size: Pixels along a side, at least 32. The same index shows the same thing at every size.
        seed: Another seed is another hospital: no patient in common.
        images_per_patient: Images that share a patient.
        label_noise: Probability that ``label`` is one of the other classes; the picture is unchanged.
        shortcut: Above 0, a bright disc lies in a lower corner of some images, as often as opacity occurs.
            Where ``marker_follows_class``, it lies there with this probability exactly if there is an opacity;
            otherwise, and always elsewhere, it is independent of what the image shows. At 0 there is no disc.
        marker_follows_class: Whether this image is of the part where the marker misleads: training.
        multilabel: Draw the three findings independently, each with `MULTILABEL_PREVALENCE`, instead of a
            class.

    Returns:
        The radiograph, with what makes its class.

    Raises:
        ValueError: When a parameter is out of its range, or ``label_noise`` is asked for with ``multilabel``.
    """
    _check(index, size, seed, images_per_patient, label_noise, shortcut, multilabel)
    patient = index // images_per_patient
    findings = _draw_findings(_stream(seed, _CLASS, index), multilabel)
    true_label = findings.index(True) + 1 if any(findings) else 0
    pixels, finding_masks, marker_mask = _render(
        index,
        patient,
        findings,
        size=size,
        seed=seed,
        marker=_has_marker(_stream(seed, _MARKER, index), findings, shortcut, marker_follows_class, multilabel),
    )
    return Radiograph(
        pixels=pixels,
        finding_masks=finding_masks,
        marker_mask=marker_mask,
        label=_given_label(_stream(seed, _LABEL, index), true_label, label_noise),
        true_label=true_label,
        findings=findings,
        patient=f"p{patient:05d}",
    )


def synthesize_many(
    count: int,
    *,
    size: int = 64,
    seed: int = 0,
    images_per_patient: int = 4,
    label_noise: float = 0.0,
    shortcut: float = 0.0,
    marker_follows_class: Callable[[str], bool] | bool = False,
    multilabel: bool = False,
) -> Radiographs:
    """Draw radiographs 0 to ``count - 1`` and stack them; the options are those of `synthesize`.

    Args:
        count: Number of images, at least 1.
        size: See `synthesize`.
        seed: See `synthesize`.
        images_per_patient: See `synthesize`.
        label_noise: See `synthesize`.
        shortcut: See `synthesize`.
        marker_follows_class: As for `synthesize`, or a function that says it for a patient's name: patients,
            not images, belong to the training part.
        multilabel: See `synthesize`.

    Returns:
        The stack.

    Raises:
        ValueError: As `synthesize`, and when ``count`` is below 1.
    """
    if count < 1:
        raise ValueError(f"synthesize_many() needs count >= 1, got {count}. Ask for at least one image.")
    follows = marker_follows_class if callable(marker_follows_class) else lambda patient: marker_follows_class
    images = [
        synthesize(
            index,
            size=size,
            seed=seed,
            images_per_patient=images_per_patient,
            label_noise=label_noise,
            shortcut=shortcut,
            marker_follows_class=follows(f"p{index // max(images_per_patient, 1):05d}"),
            multilabel=multilabel,
        )
        for index in range(count)
    ]
    finding_masks = np.stack([image.finding_masks for image in images])
    class_masks: NDArray[np.bool_] = np.logical_or.reduce(finding_masks, axis=1)
    return Radiographs(
        pixels=np.stack([image.pixels for image in images]),
        class_masks=class_masks,
        finding_masks=finding_masks,
        marker_masks=np.stack([image.marker_mask for image in images]),
        labels=np.array([image.label for image in images], np.int64),
        true_labels=np.array([image.true_label for image in images], np.int64),
        findings=np.array([image.findings for image in images], np.bool_),
        patients=tuple(image.patient for image in images),
        ids=tuple(f"synthetic/{index:06d}" for index in range(count)),
    )


def _stream(seed: int, purpose: int, number: int) -> np.random.Generator:
    return np.random.default_rng((seed, purpose, number))


@lru_cache(maxsize=256)
def _anatomy(seed: int, patient: int) -> Anatomy:
    return draw_anatomy(_stream(seed, _PATIENT, patient))


def _draw_findings(rng: np.random.Generator, multilabel: bool) -> Findings:
    if multilabel:
        opacity, effusion, enlarged = rng.random(3) < MULTILABEL_PREVALENCE
        return bool(opacity), bool(effusion), bool(enlarged)
    label = int(rng.integers(len(CLASSES)))
    return label == 1, label == 2, label == 3


def _given_label(rng: np.random.Generator, true_label: int, label_noise: float) -> int:
    wrong = rng.random() < label_noise
    away = int(rng.integers(1, len(CLASSES)))
    return (true_label + away) % len(CLASSES) if wrong else true_label


def _has_marker(
    rng: np.random.Generator, findings: Findings, shortcut: float, follows_class: bool, multilabel: bool
) -> bool:
    if shortcut == 0.0:
        return False
    follows, independent = rng.random(2)
    if follows_class and follows < shortcut:
        return findings[0]
    return bool(independent < (MULTILABEL_PREVALENCE if multilabel else 1.0 / len(CLASSES)))


def _render(
    index: int, patient: int, findings: Findings, *, size: int, seed: int, marker: bool
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return pixels, finding masks and marker mask of an image that shows the given findings."""
    anatomy = _anatomy(seed, patient)
    visit = draw_visit(_stream(seed, _VISIT, index), anatomy)
    density, finding_masks = draw_thorax(size, anatomy, visit, findings)
    film = expose(density, anatomy, _stream(seed, _GRAIN, index))
    letters = _stream(seed, _LETTER, index)
    burn_in_letter(film, letters)
    marker_mask = burn_in_marker(film, letters) if marker else np.zeros((size, size), np.bool_)
    return np.clip(film * 255.0 + 0.5, 0.0, 255.0).astype(np.uint8), finding_masks, marker_mask


def _check(
    index: int,
    size: int,
    seed: int,
    images_per_patient: int,
    label_noise: float,
    shortcut: float,
    multilabel: bool,
) -> None:
    who = "synthesize()"
    if index < 0 or seed < 0:
        raise ValueError(f"{who} needs index >= 0 and seed >= 0, got {index} and {seed}. Count both from 0.")
    if size < 32:
        raise ValueError(f"{who} needs size >= 32 pixels, got {size}: a lesion would vanish. Use 32 or more.")
    if images_per_patient < 1:
        raise ValueError(
            f"{who} needs images_per_patient >= 1, got {images_per_patient}. Use 1 for a patient per image."
        )
    for name, value in (("label_noise", label_noise), ("shortcut", shortcut)):
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{who} needs {name} between 0 and 1, got {value}. It is a probability: 5% is 0.05.")
    if multilabel and label_noise > 0.0:
        raise ValueError(
            f"{who} got label_noise={label_noise} with multilabel=True, but noise is defined on the one label. "
            "Set label_noise=0, or multilabel=False."
        )
