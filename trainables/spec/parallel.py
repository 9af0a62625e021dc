"""What several workers can train together. No torch here."""

from __future__ import annotations

from trainables.spec.models import Mimo
from trainables.spec.trial import TrialSpec


def require_parallel(spec: TrialSpec, workers: int) -> None:
    """Refuse what a group of workers cannot train.

    Raises:
        ValueError: a batch with fewer images than workers, a network of several inputs, or a compiled one.
    """
    for stage in (spec, spec.first_trial):
        if stage is None:
            continue
        if workers > stage.schedule.batch_size:
            raise ValueError(
                f"resources/workers is {workers} and schedule/batch_size is {stage.schedule.batch_size}: workers split a batch "
                "among them, and some would have no image. Take fewer workers, or larger batches."
            )
        if workers > 1 and isinstance(stage.model, Mimo):
            raise ValueError(
                f"resources/workers is {workers}, and a mimo network puts images of the whole batch together, which workers have "
                "parts of. Train it with one worker (--set resources/workers=1)."
            )
        if workers > 1 and stage.schedule.compile:
            raise ValueError(
                f"resources/workers is {workers}, and schedule/compile is set: a compiled network does not stop for what workers "
                "exchange inside batch norm. Leave one of the two out (--set schedule/compile=false)."
            )
