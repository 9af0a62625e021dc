"""What trials ask for, from measurements of their networks: `resources/gpus=auto`, `resources/memory_gb=auto`.

A measurement is remembered in the storage by the network's family, the side of its images and the size of its batches. Trials
whose memory ran out raise it for the next start.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace

from orchestrator.memory import GIGABYTE, is_out_of_memory, larger_share
from orchestrator.plan import cost_of, family_of
from orchestrator.probe import ROOM, Cost
from orchestrator.storage.ledger import Row
from orchestrator.storage.places import place_of
from orchestrator.sweep.launch import Launch, sample_specs
from search_spaces.sweep import Resources
from trainables.spec import TrialSpec, from_plain

LIBRARIES_GB = 2.0
"""Address space of a worker before it trains: torch, Ray and their threads. A limit that is too low changes numbers."""

Measure = Callable[[Launch, TrialSpec], Cost]


class Measurements:
    """Costs by family, as files in the storage.

    Args:
        launch: of the sweep.
        measure: of a family that is not known yet.
    """

    def __init__(self, launch: Launch, measure: Measure = cost_of) -> None:
        self._launch = launch
        self._measure = measure
        self._place = place_of(launch.storage)

    def costs(self) -> Iterator[Cost]:
        """Of every family that the space draws; what is not known is measured and remembered.

        Raises:
            MachineError: a network does not run here.
        """
        families = {family_of(spec): spec for spec in reversed(sample_specs(self._launch))}
        for family, spec in families.items():
            found = self._known(family)
            if found is None or ("gpus" in self._launch.sweep.resources.measured and not found.gpu_bytes):
                found = self._measure(self._launch, spec)
                self._remember(family, found, [])
            yield found

    def raise_after(self, rows: Iterable[Row]) -> list[str]:
        """Remember more for families whose trials ran out of memory; each trial counts once.

        Returns:
            Names of the families.
        """
        short: dict[str, set[str]] = {}
        for row in rows:
            if _ran_out(row):
                short.setdefault(family_of(from_plain(TrialSpec, row.spec)), set()).add(row.key)
        raised = []
        for family, keys in short.items():
            found, known = self._known(family), set(self._raised_for(family))
            if found is None or keys <= known:
                continue
            self._remember(family, _more(found), sorted(keys | known))
            raised.append(family)
        return raised

    def _known(self, family: str) -> Cost | None:
        plain = self._read(family)
        return Cost(**plain["cost"]) if plain else None

    def _raised_for(self, family: str) -> list[str]:
        return list(self._read(family).get("raised_for", []))

    def _read(self, family: str) -> dict[str, dict[str, int]]:
        try:
            plain: dict[str, dict[str, int]] = json.loads(self._place.read(_file_of(family)))
        except (FileNotFoundError, ValueError):
            return {}
        return plain

    def _remember(self, family: str, cost: Cost, raised_for: list[str]) -> None:
        plain = {"family": family, "cost": asdict(cost), "raised_for": raised_for}
        self._place.write(_file_of(family), json.dumps(plain, indent=1))


def with_measured(launch: Launch, measurements: Measurements | None = None) -> Launch:
    """The launch with numbers in place of `auto`: what the family needs that needs most.

    Raises:
        MachineError: a network does not run here.
    """
    resources = launch.sweep.resources
    if not resources.measured:
        return launch
    costs = list((measurements or Measurements(launch)).costs())
    numbers = {name: _number(name, costs) for name in resources.measured}
    filled: Resources = replace(resources, **numbers)  # type: ignore[arg-type]
    return replace(launch, sweep=replace(launch.sweep, resources=filled))


def _number(name: str, costs: list[Cost]) -> float:
    if name == "gpus":
        return max(cost.gpu_share for cost in costs)
    return round(LIBRARIES_GB + ROOM * max(cost.main_bytes for cost in costs) / GIGABYTE, 2)


def _more(cost: Cost) -> Cost:
    """What gives the next larger share of a GPU, and twice the main memory."""
    share = larger_share(cost.gpu_share) if cost.gpu_bytes else 0.0
    on_gpu = int(share * cost.gpu_bytes / ROOM) if share else cost.memory_bytes
    return replace(cost, memory_bytes=max(cost.memory_bytes, on_gpu), main_bytes=2 * cost.main_bytes)


def _ran_out(row: Row) -> bool:
    in_parts = any(report.micro_batches > 1 for report in row.reports)
    return in_parts or (row.state == "failed" and is_out_of_memory(RuntimeError(row.reason)))


def _file_of(family: str) -> str:
    return f"measured/{hashlib.sha256(family.encode()).hexdigest()[:16]}.json"
