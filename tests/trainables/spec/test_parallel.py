from dataclasses import replace

import pytest

from trainables.spec import AucMargin, Optimizer, Schedule, SmallCNN, Stage, Synthetic, TrialSpec
from trainables.spec.parallel import require_parallel

SPEC = TrialSpec(data=Synthetic(), model=SmallCNN(), schedule=Schedule(batch_size=4))


def test_as_many_workers_as_images_of_a_batch_are_the_most() -> None:
    require_parallel(SPEC, 4)
    with pytest.raises(ValueError, match="resources/workers is 5 and schedule/batch_size is 4"):
        require_parallel(SPEC, 5)


def test_the_batches_of_a_first_stage_count_too() -> None:
    staged = replace(
        SPEC,
        loss=AucMargin(),
        optimizer=Optimizer(kind="pesg", learning_rate=0.1),
        schedule=Schedule(batch_size=32),
        first_stage=Stage(schedule=Schedule(batch_size=2)),
    )
    with pytest.raises(ValueError, match="schedule/batch_size is 2"):
        require_parallel(staged, 3)


def test_a_compiled_network_is_for_one_worker() -> None:
    compiled = replace(SPEC, schedule=Schedule(batch_size=4, compile=True))
    require_parallel(compiled, 1)
    with pytest.raises(ValueError, match="schedule/compile=false"):
        require_parallel(compiled, 2)
