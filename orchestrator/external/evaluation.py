"""The result of an external validation, as values and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

STAGES_FIRST = ("uncalibrated", "temperature")


@dataclass(frozen=True, kw_only=True)
class EvaluatedRow:
    """A network or an ensemble on the external images.

    Attributes:
        key: of the network or the ensemble.
        kind: `trial`, `member` or `ensemble`.
        name: `trial-0003`, `member-0001`, `ensemble_top_5`.
        n: images.
        temperature: the sweep's own, fitted on its calib split.
        metrics: `uncalibrated/<metric>`, `temperature/<metric>`, `laplace_kron/<metric>`; None where not defined.
        members: keys of an ensemble's networks.
        selected_on: the split that chose it; never the external images.
    """

    key: str
    kind: str
    name: str
    n: int
    temperature: float
    metrics: Mapping[str, float | None]
    members: tuple[str, ...] = ()
    selected_on: str = "val"


@dataclass(frozen=True, kw_only=True)
class ExternalData:
    """What was evaluated on.

    Attributes:
        fingerprint: content of the files.
        images: how many.
        patients: how many, or None where no file names them.
        classes: images by class of the network.
        folder: where the files lay, for people.
    """

    fingerprint: str
    images: int
    patients: int | None
    classes: Mapping[str, int]
    folder: str = ""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A sweep's networks and ensembles on another folder.

    Attributes:
        key: names the evaluation by the data, the networks and their stored results.
        sweep: name of the sweep.
        data: what it was evaluated on.
        best: key of the best single network, chosen on val.
        rows: the best network first, then its seeds and other networks, then ensembles.
        remarks: sentences that belong to the figures.
        artifacts: keys of what was stored for it.
        time: when it was computed, seconds since 1970.
    """

    key: str
    sweep: str
    data: ExternalData
    best: str
    rows: tuple[EvaluatedRow, ...]
    remarks: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()
    time: float = field(default=0.0, compare=False)

    def to_plain(self) -> dict[str, Any]:
        """As JSON values: the document of `orchestrator evaluate --json`, and what the ledger keeps."""
        return asdict(self)

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Evaluation:
        """Read what `to_plain` wrote."""
        rows = tuple(EvaluatedRow(**{**row, "members": tuple(row["members"])}) for row in plain["rows"])
        lists = {name: tuple(plain[name]) for name in ("remarks", "artifacts")}
        return Evaluation(**{**plain, **lists, "data": ExternalData(**plain["data"]), "rows": rows})

    def table(self) -> pd.DataFrame:
        """One line a network or ensemble, one column a metric."""
        import pandas as pd

        lines = [
            {"name": row.name, "kind": row.kind, "key": row.key, "n": row.n, "fitted_temperature": row.temperature}
            | dict(row.metrics)
            for row in self.rows
        ]
        return pd.DataFrame(lines)
