"""Population based training (Jaderberg et al. 2017), decided between generations from what the ledger knows.

Every `interval` epochs the population is compared. The worst give way to copies of the best (exploit), which go on from the
weights and the optimiser's state of their donors with changed parameters (explore). Each decision follows from the values of
that epoch and from the sweep's seed, so that a population that was killed goes on as the unbroken one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    json_to_distribution,
)

from search_spaces.schedulers import Pbt
from trainables.spec import TrialSpec, to_plain

CHANGEABLE = {
    "loss": (),
    "optimizer": ("learning_rate", "weight_decay", "epoch_decay"),
    "schedule": ("batch_size", "accumulate", "clip_norm"),
    "augmentation": (),
    "sampling": (),
    "model": ("dropout",),
}
"""Fields that may change while weights and optimiser go on; of parts without fields here, all but the kind."""

Draw = Callable[[optuna.trial.BaseTrial], TrialSpec]


def replacements(values: Mapping[int, float | None], spec: Pbt, seed: int, epoch: int) -> list[tuple[int, int]]:
    """Who gives way to a copy of whom.

    Args:
        values: of each member by its number, less is better; None for one that failed.
        spec: the share that is replaced.
        seed: of the sweep.
        epoch: of the comparison.

    Returns:
        (member that ends, donor) by the number of the member that ends.
    """
    ranked = sorted(
        values, key=lambda number: (values[number] is None, values[number] or 0.0, number)
    )  # ties go to the older one
    count = min(max(1, int(len(ranked) * spec.fraction)), len(ranked) // 2)
    donors = [number for number in ranked[:count] if values[number] is not None]
    losers = sorted({*ranked[len(ranked) - count :], *(number for number in ranked if values[number] is None)})
    if not donors:
        return []
    return [(loser, _chance(seed, epoch, loser).choice(donors)) for loser in losers if loser not in donors]


def explore(
    draw: Draw,
    donor: TrialSpec,
    params: Mapping[str, Any],
    distributions: Mapping[str, str],
    *,
    spec: Pbt,
    seed: int,
    epoch: int,
    loser: int,
) -> tuple[TrialSpec, dict[str, Any]]:
    """Change a donor's parameters.

    A number is multiplied or divided by `factor`, or with probability `resample` drawn anew from its range; a choice is drawn
    anew with the same probability. A parameter whose change would need other weights or another optimiser, such as the
    network's width, is inherited.

    Args:
        draw: the space, with the user's fixed values.
        donor: its description.
        params: what the donor was drawn as.
        distributions: and from what, as JSON text.
        spec: factor and probability.
        seed: of the sweep; with the epoch and the member that ends it names the random numbers.
        epoch: of the comparison.
        loser: number of the member that ends.

    Returns:
        The description that goes on, and its parameters.
    """
    chance = _chance(seed, epoch, loser, "explore")
    found, changed = donor, dict(params)
    for name in sorted(params):
        value = _changed(params[name], json_to_distribution(distributions[name]), spec, chance)
        tried = {**changed, name: value}
        try:
            now = draw(optuna.trial.FixedTrial(tried))
        except ValueError:
            continue  # another branch of the space, with parameters of its own
        if keeps_weights(donor, now):
            found, changed = now, tried
    return found, changed


def keeps_weights(before: TrialSpec, now: TrialSpec) -> bool:
    """Whether a training may go on under another description, with its weights and its optimiser's state."""
    one, other = to_plain(before), to_plain(now)
    return all(_frozen(name, one.get(name)) == _frozen(name, other.get(name)) for name in {*one, *other})


def require_population(spec: TrialSpec, pbt: Pbt) -> None:
    """Refuse a trial that cannot be a member.

    Raises:
        ValueError: it has two stages, or it is over before the first comparison.
    """
    if spec.first_stage is not None:
        raise ValueError(
            "The scheduler is pbt, and the space draws trials in two stages, whose first one has no generations. Leave "
            "first_stage out, or take another scheduler (--set scheduler=asha)."
        )
    if pbt.interval >= spec.schedule.epochs:
        raise ValueError(
            f"scheduler/interval is {pbt.interval} of {spec.schedule.epochs} epochs, so the population would never be compared. "
            "Compare more often (--set scheduler/interval=1), or train longer (--set schedule/epochs=20)."
        )


def _frozen(name: str, plain: Any) -> Any:
    """What must stay of a part of the description."""
    if name not in CHANGEABLE:
        return plain
    free = CHANGEABLE[name]
    plain = plain or {}
    return {key: value for key, value in plain.items() if (key not in free if free else key == "kind")}


def _changed(value: Any, range_: BaseDistribution, spec: Pbt, chance: random.Random) -> Any:
    anew, up = chance.random() < spec.resample, chance.random() < 0.5
    if isinstance(range_, CategoricalDistribution):
        place = chance.randrange(len(range_.choices))
        return range_.choices[place] if anew else value
    assert isinstance(range_, FloatDistribution | IntDistribution)
    drawn = chance.random()
    if anew and range_.log:
        new = math.exp(math.log(range_.low) + drawn * math.log(range_.high / range_.low))
    elif anew:
        new = range_.low + drawn * (range_.high - range_.low)
    else:
        new = value * spec.factor if up else value / spec.factor
    if range_.step is not None:
        new = range_.low + round((new - range_.low) / range_.step) * range_.step
    new = min(range_.high, max(range_.low, new))
    return round(new) if isinstance(range_, IntDistribution) else new


def _chance(*parts: object) -> random.Random:
    return random.Random("/".join(map(str, ("pbt", *parts))))
