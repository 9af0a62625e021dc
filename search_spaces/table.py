"""A CSV or Parquet file with the columns `path` and `label`, and patient, study, split and mask if it has them.

Other names: `--set data/path=file --set data/labels=finding`. Several label columns make a multi-label data set:
`--set data/labels=edema,effusion`; then take `--metric val/auroc:max`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.on_disk import SIZE, class_sweep, draw
from trainables.spec import ImageTable, TrialSpec

if TYPE_CHECKING:
    import optuna


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """A ResNet-18; loss, sampling, dropout and learning rate vary."""
    return draw(trial, ImageTable(size=SIZE), one_class=False)


sweep = class_sweep(
    "table",
    space,
    "A CSV or Parquet file of your own with paths and labels.",
)
