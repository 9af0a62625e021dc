"""External validation: the sweep's best network, its seeds and its ensembles on another folder of the same layout."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from orchestrator.data import arrays_folder
from orchestrator.external.calibration import calibration_remarks, result_keys
from orchestrator.external.chosen import Chosen, ensembles, left_out_ensembles, networks
from orchestrator.external.data_folder import ExternalFolder, on_disk
from orchestrator.external.evaluation import Evaluation, ExternalData
from orchestrator.external.passes import compute_pass, pass_key
from orchestrator.network import StoredNetwork
from orchestrator.storage.address import Storage
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from trainables.data.prepare import DataSource
from trainables.spec import VERSIONS, FileSpec, content_key

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told what is being done, and how many of how many images."""


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is to be evaluated, and on what; nothing is decoded yet."""

    folder: ExternalFolder
    networks: tuple[Chosen, ...]
    ensembles: tuple[Chosen, ...]
    data: Mapping[str, FileSpec]  # by key of the network
    own_data: Mapping[str, str]

    def external(self, network: str) -> str:
        return self.folder.key(self.data[network])


def evaluate(
    storage: Storage,
    sweep: str,
    data: Path | str,
    *,
    patients: Path | str | None = None,
    on_bad_image: Literal["error", "skip"] = "error",
    classes: Mapping[str, str] | None = None,
    every_trial: bool = False,
    on_progress: Progress | None = None,
) -> Evaluation:
    """Evaluate a sweep's networks on another data folder, or read what was found before.

    Networks are chosen on the sweep's val split and calibrated on its calib split; the folder is only judged on.

    Args:
        storage: the storage folder.
        sweep: name of the sweep.
        data: folder in the layout of the sweep's own data.
        patients: CSV file with the columns path, patient.
        on_bad_image: whether bad images are an error, or are left out.
        classes: class of the network by class folder, for folders that are called otherwise.
        every_trial: also the completed trials that are neither the best nor in an ensemble.
        on_progress: told of decoding and of every network's pass.

    Raises:
        ValueError: no such sweep, no completed trial, embedded data, or a folder that does not fit.
    """
    store, ledger = Store(storage), known_sweep(storage, sweep)
    source = DataSource(
        root=Path(data), patients=Path(patients) if patients is not None else None, on_bad_image=on_bad_image
    )
    plan = _plan(store, ledger, source, classes or {}, every_trial)
    key = _key(store, ledger, plan)
    known = ledger.evaluations().get(key)
    if known is None:
        found = _compute(store, ledger, plan, key, on_progress or (lambda what, done, total: None))
        ledger.write_evaluation(key, found.to_plain())
    else:
        found = Evaluation.from_plain(known)
    return replace(found, remarks=(*found.remarks, *_remarks_of_today(store, ledger)))


def known_sweep(storage: Storage, name: str) -> Ledger:
    """The ledger of a sweep.

    Raises:
        ValueError: there is no sweep of that name.
    """
    ledger = Ledger(storage, name)
    if not ledger.exists():
        raise ValueError(
            f"There is no sweep {name!r} in {storage}. See the sweeps there are with `orchestrator status`."
        )
    return ledger


def _plan(store: Store, ledger: Ledger, source: DataSource, renamed: Mapping[str, str], every_trial: bool) -> _Plan:
    chosen = networks(store, ledger, every_trial=every_trial)
    stored = {each.key: StoredNetwork(store, each.key) for each in chosen}
    names = stored[chosen[0].key].classes
    data = {key: on_disk(network.spec.data, ledger.name, names) for key, network in stored.items()}
    return _Plan(
        folder=ExternalFolder(store, data[chosen[0].key], source, names, dict(renamed)),
        networks=tuple(chosen),
        ensembles=tuple(ensembles(store, ledger)),
        data=data,
        own_data={key: network.meta["data"] for key, network in stored.items()},
    )


def _key(store: Store, ledger: Ledger, plan: _Plan) -> str:
    passes = [pass_key(plan.external(each.key), each.key) for each in plan.networks]
    results = [key for each in (*plan.networks, *plan.ensembles) for key in result_keys(store, ledger, each)]
    settings = {"best": plan.networks[0].key}
    return content_key("validation", version=VERSIONS["evaluation"], settings=settings, inputs=[*passes, *results])


def _compute(store: Store, ledger: Ledger, plan: _Plan, key: str, tell: Progress) -> Evaluation:
    from orchestrator.external.judge import Judge

    for spec in dict.fromkeys(plan.data.values()):
        plan.folder.decoded(spec, lambda done, total: tell("decoding", done, total))
    passes = {each.key: _pass(store, plan, each, tell) for each in plan.networks}
    judge = Judge(store, ledger, passes, plan.folder.classes)
    everything = (*plan.networks, *plan.ensembles)
    externals = dict.fromkeys(plan.external(each.key) for each in plan.networks)
    return Evaluation(
        key=key,
        sweep=ledger.name,
        data=_described(plan),
        best=plan.networks[0].key,
        rows=tuple(judge.row(each) for each in everything),
        remarks=tuple(dict.fromkeys(_remarks(store, plan, everything))),
        artifacts=(*externals, *passes.values()),
        time=time.time(),
    )


def _pass(store: Store, plan: _Plan, chosen: Chosen, tell: Progress) -> str:
    return compute_pass(
        store, plan.external(chosen.key), chosen.key, lambda done, total: tell(chosen.name, done, total)
    )


def _described(plan: _Plan) -> ExternalData:
    listing = plan.folder.listing
    return ExternalData(
        fingerprint=plan.folder.fingerprints[0],
        images=len(listing),
        patients=plan.folder.patients,
        classes=listing.counts(),
        folder=str(listing.root),
    )


def _remarks(store: Store, plan: _Plan, rows: Sequence[Chosen]) -> list[str]:
    from trainables.data.overlap import overlap_remarks
    from trainables.data.stored import load

    best = plan.networks[0].key
    external, own = store.folder(plan.external(best)), plan.own_data[best]
    shared = overlap_remarks(store.folder(own), external, arrays_folder(store, own))
    remarks = [*shared, *load(external).remarks]
    return remarks + [remark for each in rows for remark in calibration_remarks(store, each)]


def _remarks_of_today(store: Store, ledger: Ledger) -> list[str]:
    """What is true of the sweep now and may be over tomorrow: it is not recorded with the figures."""
    state = ledger.state()
    unfinished = [] if state == "finished" else [f"The sweep is {state}: another network may become the best one."]
    return unfinished + left_out_ensembles(store, ledger)
