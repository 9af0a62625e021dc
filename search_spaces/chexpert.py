"""CheXpert: five findings, with the policy for uncertain labels as an axis of the search.

The official validation part is the test split. `--set uncertain=ones` fixes the policy for all findings, and
`--set data/uncertain=zeros,ones,zeros,ones,zeros` sets paper P2's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.on_disk import SIZE, draw, label_sweep
from search_spaces.parts import uncertain_policy
from trainables.spec import Chexpert, Split, TrialSpec

if TYPE_CHECKING:
    import optuna


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """A ResNet-18; policy, loss, sampling, dropout and learning rate vary."""
    data = Chexpert(size=SIZE, uncertain=uncertain_policy(trial))
    return draw(trial, data, split=Split(val=0.15, calib=0.1), best_metric="val/auroc", one_class=False)


sweep = label_sweep(
    "chexpert",
    space,
    "CheXpert: five findings, and what uncertain labels count as.",
)
