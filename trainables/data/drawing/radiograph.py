"""One picture from its number: the patient, the visit, the findings, the film."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from trainables.data.drawing.anatomy import Anatomy, draw_anatomy
from trainables.data.drawing.film import burn_in_letter, burn_in_marker, expose
from trainables.data.drawing.findings import draw_thorax, draw_visit
from trainables.data.drawing.truth import Findings, Purpose, stream


@lru_cache(maxsize=256)
def patient_anatomy(seed: int, patient: int) -> Anatomy:
    """Return the anatomy and the exposure that all images of a patient share."""
    return draw_anatomy(stream(seed, Purpose.PATIENT, patient))


def draw_radiograph(
    index: int, patient: int, findings: Findings, *, size: int, seed: int, marker: bool
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Draw image ``index`` of ``patient`` so that it shows ``findings``.

    Pose, grain and letter do not depend on the findings: the same index with and without a finding differs by
    the finding alone.

    Returns:
        Grey values ``[size, size]``, finding masks ``[3, size, size]`` and marker mask ``[size, size]``.
    """
    anatomy = patient_anatomy(seed, patient)
    visit = draw_visit(stream(seed, Purpose.VISIT, index), anatomy)
    density, finding_masks = draw_thorax(size, anatomy, visit, findings)
    film = expose(density, anatomy, stream(seed, Purpose.GRAIN, index))
    burn_in = stream(seed, Purpose.BURN_IN, index)
    burn_in_letter(film, burn_in)
    marker_mask = burn_in_marker(film, burn_in) if marker else np.zeros((size, size), np.bool_)
    return np.clip(film * 255.0 + 0.5, 0.0, 255.0).astype(np.uint8), finding_masks, marker_mask
