"""Where the lungs lie in a synthetic radiograph: the truth that a map of the lungs is learnt from."""

import numpy as np
from numpy.typing import NDArray

from trainables.data.drawing.anatomy import dome_height, heart_depth, lung_depth
from trainables.data.drawing.findings import body_frame, draw_visit
from trainables.data.drawing.radiograph import patient_anatomy
from trainables.data.drawing.truth import Findings, Purpose, stream


def draw_lungs(index: int, patient: int, findings: Findings, *, size: int, seed: int) -> NDArray[np.bool_]:
    """Return the lung fields of image ``index`` of ``patient``, ``[size, size]``.

    Both lungs above the diaphragm and beside the heart, as large as that is in this image. What a lesion or fluid hides
    still is lung.
    """
    anatomy = patient_anatomy(seed, patient)
    visit = draw_visit(stream(seed, Purpose.VISIT, index), anatomy)
    u, v = body_frame(size, visit)
    heart = heart_depth(u, v, anatomy, visit.enlargement if findings[2] else 1.0)
    above = v < dome_height(u, anatomy) + visit.breath
    inside: NDArray[np.bool_] = (lung_depth(u, v, anatomy) > 0.0) & above & (heart < 0.0)
    return inside
