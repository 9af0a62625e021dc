"""The calibration that a sweep has stored: fitted on its own calib split, never on the images that are judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.external.chosen import Chosen
from orchestrator.network import StoredNetwork
from orchestrator.results import found, network_tasks
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import MissingArtifact, Store
from trainables.spec import Laplace, Temperature, from_plain, posthoc_key

if TYPE_CHECKING:
    from trainables.posthoc.posterior import Posterior


def stored_temperature(store: Store, chosen: Chosen) -> float:
    """The temperature of a network or an ensemble.

    A sweep without the task `temperature` has stored none of its networks: the same number is then fitted from the stored
    logits of its calib split.
    """
    if chosen.kind == "ensemble":
        return float(store.manifest(chosen.key).meta["metrics"]["temperature/calib/temperature"])
    try:
        return float(store.manifest(posthoc_key(Temperature(), [chosen.key])).meta["metrics"]["calib/temperature"])
    except MissingArtifact:
        return _fitted(store, chosen.key)


def calibration_remarks(store: Store, chosen: Chosen) -> tuple[str, ...]:
    """What the stored calibration says about itself, such as that there was no calib split."""
    key = chosen.key if chosen.kind == "ensemble" else posthoc_key(Temperature(), [chosen.key])
    try:
        return tuple(f"{chosen.name}: {remark}" for remark in store.manifest(key).meta["remarks"])
    except MissingArtifact:
        return ()


def result_keys(store: Store, ledger: Ledger, chosen: Chosen) -> list[str]:
    """Keys of the stored results that the figures of a network or ensemble depend on."""
    if chosen.kind == "ensemble":
        return [chosen.key]
    laplace = [key for _, key in laplace_tasks(store, ledger, chosen.key)]
    return [posthoc_key(Temperature(), [chosen.key]), *laplace]


def laplace_tasks(store: Store, ledger: Ledger, network: str) -> list[tuple[Laplace, str]]:
    """The Laplace tasks whose posterior is in the store, with their keys."""
    tasks = network_tasks(ledger.definition())
    return [(task, key) for task, key, _ in found(store, tasks, network) if isinstance(task, Laplace)]


def load_stored_posterior(store: Store, key: str) -> Posterior:
    """The posterior of a Laplace result; nothing is fitted."""
    from safetensors.torch import load_file

    from trainables.posthoc.posterior import load_posterior

    return load_posterior(load_file(store.file(key, "tensors.safetensors")))


def _fitted(store: Store, network: str) -> float:
    from trainables.posthoc.interface import calibration_split
    from trainables.posthoc.temperature import fit_temperature
    from trainables.spec import TrialSpec

    stored = StoredNetwork(store, network)
    spec: TrialSpec = from_plain(TrialSpec, stored.meta["spec"])
    split, _ = calibration_split(spec.split)
    return fit_temperature(stored.predictions(split))
