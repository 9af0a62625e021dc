"""Synthetic chest radiographs whose cause is known: every finding comes with the mask of what makes it.

The generator is embedded, so that a demo needs no download, and drawn, so that explanations can be scored
against the truth. It is meant to behave like the real thing (patients, pose, exposure, noise, wrong labels,
markers that mislead), not to teach anatomy.

The same arguments give the same bytes in every process of a machine. On another kind of processor the last
bit of an exponential may tip a grey value by one: take a fingerprint of the arguments and `VERSION`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.data.drawing.radiograph import draw_radiograph
from trainables.data.drawing.truth import (
    CLASSES,
    FINDINGS,
    MULTILABEL_PREVALENCE,
    Findings,
    check_options,
    draw_findings,
    given_label,
    has_marker,
)

__all__ = [
    "CLASSES",
    "FINDINGS",
    "MULTILABEL_PREVALENCE",
    "VERSION",
    "Findings",
    "Radiograph",
    "Radiographs",
    "synthesize",
    "synthesize_many",
]

VERSION = 1
"""Raised by whoever changes what an index looks like."""


@dataclass(frozen=True, kw_only=True)
class Radiograph:
    """One synthetic radiograph with the whole truth about it.

    Attributes:
        pixels: Grey values ``[size, size]``; dense tissue is bright.
        finding_masks: ``[3, size, size]``, one per name in `FINDINGS`, empty where the finding is absent: the
            lesion, the fluid, or the whole heart (as readers outline it, not only the rim in excess).
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
        class_masks: ``[N, size, size]``, what makes the true label: all findings together; empty for normal.
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
    healthy: float = 0.0,
) -> Radiograph:
    """Draw radiograph number ``index``; it depends on the arguments alone, not on what was drawn before.

    Consecutive images belong to one patient, who keeps anatomy and exposure; pose, noise and the look of a
    finding vary by image. So does the class, whoever the patient is: one anatomy is seen with and without
    findings. Every 32 images the classes are exactly even.

    Args:
        index: Number of the image, from 0.
        size: Pixels along a side, at least 32. The same index shows the same thing at every size.
        seed: Another seed is another hospital: no patient in common.
        images_per_patient: Images that share a patient.
        label_noise: Probability that ``label`` is one of the other classes; the picture is unchanged.
        shortcut: Above 0, a bright disc lies in a lower corner of some images, as often as opacity occurs.
            If ``marker_follows_class``, with this probability it is there exactly when an opacity is;
            otherwise, and always elsewhere, it is independent of what the image shows. At 0: no disc.
        marker_follows_class: Whether this image is of the part where the marker misleads: training.
        multilabel: Draw three independent findings, each with `MULTILABEL_PREVALENCE`, instead of a class.
        healthy: Probability that an image shows no finding, whatever was drawn for it: classes are uneven then,
            and the other images stay as they are.

    Raises:
        ValueError: When an option is out of its range, or ``label_noise`` is asked for with ``multilabel``.
    """
    check_options(index, size, seed, images_per_patient, label_noise, shortcut, multilabel, healthy)
    patient = index // images_per_patient
    findings = draw_findings(seed, index, multilabel, healthy)
    true_label = findings.index(True) + 1 if any(findings) else 0
    marker = has_marker(
        seed, index, findings, shortcut=shortcut, follows_class=marker_follows_class, multilabel=multilabel
    )
    pixels, finding_masks, marker_mask = draw_radiograph(index, patient, findings, size=size, seed=seed, marker=marker)
    return Radiograph(
        pixels=pixels,
        finding_masks=finding_masks,
        marker_mask=marker_mask,
        label=given_label(seed, index, true_label, label_noise),
        true_label=true_label,
        findings=findings,
        patient=_patient_name(index, images_per_patient),
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
    healthy: float = 0.0,
) -> Radiographs:
    """Draw radiographs 0 to ``count - 1`` and stack them; the options are those of `synthesize`.

    ``marker_follows_class`` may be a function of the patient's name: patients, not images, are in training.

    Raises:
        ValueError: As `synthesize`, and when ``count`` is below 1.
    """
    if count < 1:
        raise ValueError(f"synthesize_many() needs count >= 1, got {count}. Ask for at least one image.")
    follows = marker_follows_class if callable(marker_follows_class) else lambda patient: marker_follows_class
    check_options(0, size, seed, images_per_patient, label_noise, shortcut, multilabel, healthy)
    images = [
        synthesize(
            index,
            size=size,
            seed=seed,
            images_per_patient=images_per_patient,
            label_noise=label_noise,
            shortcut=shortcut,
            marker_follows_class=follows(_patient_name(index, images_per_patient)),
            multilabel=multilabel,
            healthy=healthy,
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


def _patient_name(index: int, images_per_patient: int) -> str:
    return f"p{index // images_per_patient:05d}"
