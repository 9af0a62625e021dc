"""What a sweep will take, before it is started: trials, time, memory, disk, money."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from orchestrator.probe import Cost, gigabytes, measured
from orchestrator.results import of_networks
from orchestrator.sweep.launch import Launch, sample_specs
from trainables.spec import Synthetic, TrialSpec, canonical_json

MOST_FAMILIES = 6
KEPT_STATES = 2
"""Of a chain of epochs the last states stay whole, of the others the best weights; a network holds its weights again."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """Trials with the same network on images of the same size.

    Attributes:
        name: of the network, with the side of its images.
        share: of the draws that are of it.
        cost: what was measured.
        seconds: of a trial that runs to its end.
        disk_bytes: of a trial.
    """

    name: str
    share: float
    cost: Cost
    seconds: float
    disk_bytes: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An estimate. Time is an upper one where a scheduler ends trials early, and leaves post-hoc tasks out.

    Attributes:
        trials, members, tasks: how many networks the search and the deep ensemble train, and results on them.
        concurrent: trials at once on this machine.
        families: what was measured.
        price: of all of it, None where no price was given.
    """

    trials: int
    members: int
    tasks: int
    concurrent: int
    families: tuple[Family, ...]
    price_per_hour: float | None = None

    @property
    def seconds(self) -> float:
        """From the start to the end of the last training."""
        each = sum(family.share * family.seconds for family in self.families)
        return each * (self.trials + self.members) / self.concurrent

    @property
    def disk_bytes(self) -> float:
        """Of checkpoints and networks."""
        return sum(family.share * family.disk_bytes for family in self.families) * (self.trials + self.members)

    @property
    def price(self) -> float | None:
        """Of this machine for that time."""
        return None if self.price_per_hour is None else self.price_per_hour * self.seconds / 3600

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "trials": self.trials,
            "members": self.members,
            "tasks": self.tasks,
            "concurrent": self.concurrent,
            "seconds": self.seconds,
            "disk_bytes": self.disk_bytes,
            "price": self.price,
            "families": [
                {
                    "name": each.name,
                    "share": each.share,
                    "seconds": each.seconds,
                    "memory_bytes": each.cost.memory_bytes,
                    "gpu_share": each.cost.gpu_share,
                }
                for each in self.families
            ],
        }

    def text(self) -> str:
        """For people."""
        lines = [
            f"{self.trials} trials, {self.members} members of a deep ensemble, {self.tasks} post-hoc results of networks",
            f"at most {self.seconds / 3600:.2f} hours of training, {self.concurrent} at once on this machine; "
            f"{gigabytes(self.disk_bytes)} of disk",
        ]
        for each in self.families:
            gpu = f", 1/{round(1 / each.cost.gpu_share)} of a GPU" if each.cost.gpu_share else ""
            lines.append(
                f"  {each.share:4.0%}  {each.name}: {each.seconds:.0f} s a trial, {gigabytes(each.cost.memory_bytes)}{gpu}"
            )
        if self.price is not None:
            lines.append(f"price: {self.price:.2f}")
        return "\n".join(lines)


def plan(launch: Launch, price_per_hour: float | None = None) -> Plan:
    """Measure every kind of network that the space draws, a batch or two each; nothing is started or stored.

    Raises:
        ValueError: the data cannot be listed.
        MachineError: a network does not run here.
    """
    specs = sample_specs(launch)
    groups: dict[str, list[TrialSpec]] = {}
    for spec in specs:
        groups.setdefault(family_of(spec), []).append(spec)
    chosen = sorted(groups.items(), key=lambda item: -len(item[1]))[:MOST_FAMILIES]
    covered = sum(len(group) for _, group in chosen)
    families = tuple(_measured(launch, name, group[0], len(group) / covered) for name, group in chosen)
    sweep = launch.sweep
    members = sweep.member_seeds
    return Plan(
        trials=sweep.trials,
        members=members,
        tasks=len(of_networks(sweep.posthoc)) * (sweep.trials + members),
        concurrent=launch.concurrent
        or max(1, (os.cpu_count() or 1) // (sweep.resources.cpus * sweep.resources.workers)),
        families=families,
        price_per_hour=price_per_hour,
    )


def family_of(spec: TrialSpec) -> str:
    """Networks that cost about the same: of one kind, on images of one size, in batches of one size."""
    name = getattr(spec.model, "name", "") or spec.model.kind
    return f"{name}, {spec.data.size or 'native'} px, batches of {spec.schedule.batch_size}"


def _measured(launch: Launch, name: str, spec: TrialSpec, share: float) -> Family:
    images, size, multilabel = _data(launch, spec)
    cost = measured(spec, size, multilabel=multilabel)
    watched = (spec.split.val + spec.split.calib) * images
    learnt = (1 - spec.split.val - spec.split.calib - spec.split.test) * images
    epoch = learnt * cost.train_seconds + watched * cost.evaluate_seconds
    return Family(
        name=name,
        share=share,
        cost=cost,
        seconds=spec.schedule.epochs * epoch + images * cost.evaluate_seconds,
        disk_bytes=KEPT_STATES * cost.state_bytes + 2 * cost.weights_bytes,
    )


def cost_of(launch: Launch, spec: TrialSpec) -> Cost:
    """What one description of a launch costs here.

    Raises:
        MachineError: it does not run here.
    """
    _, size, multilabel = _data(launch, spec)
    return measured(spec, size, multilabel=multilabel)


def _data(launch: Launch, spec: TrialSpec) -> tuple[int, int, bool]:
    """How many images the data set names, their side, and whether one may have several labels."""
    if isinstance(spec.data, Synthetic):
        return spec.data.images, spec.data.size, spec.data.multilabel
    from trainables.data.prepare import list_images

    listing = list_images(spec.data, launch.source)
    size = spec.data.size or listing.native_size
    if not size:
        raise ValueError(f"{canonical_json(spec.data)} names no size of its images. Give it one (--set data/size=224).")
    return len(listing.image_ids), size, listing.targets.ndim == 2
