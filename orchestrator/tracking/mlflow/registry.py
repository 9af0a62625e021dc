"""The versions of a registered model that belong to one sweep."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from orchestrator.tracking.protocol import KEY_TAG, SWEEP_TAG, ModelRecord


def versions_of(client: Any, name: str, sweep: str, run_ids: Collection[str] = ()) -> list[ModelRecord]:
    """The versions under a name that are of one sweep, in order.

    Two people's sweeps of one name share the registered model on a shared server, and each has versions of its own.

    Args:
        client: an MlflowClient.
        name: of the registered model.
        sweep: identity of the sweep.
        run_ids: of its runs; a version that does not say whose it is belongs to the sweep of its run.
    """
    found = client.search_model_versions(f"name='{name}'")
    own = [each for each in found if each.tags.get(SWEEP_TAG, sweep if each.run_id in run_ids else "") == sweep]
    aliases = aliases_of(client, name) if own else {}
    return [
        ModelRecord(
            name=name,
            version=str(each.version),
            key=each.tags.get(KEY_TAG, ""),
            run_id=each.run_id or "",
            aliases=tuple(sorted(alias for alias, number in aliases.items() if number == str(each.version))),
        )
        for each in sorted(own, key=lambda each: int(each.version))
    ]


def delete_versions(client: Any, records: Collection[ModelRecord]) -> None:
    """Delete versions with the aliases on them, and every registered model that has none left."""
    for each in records:
        client.delete_model_version(each.name, each.version)
    for name in {each.name for each in records}:
        if not client.search_model_versions(f"name='{name}'"):
            client.delete_registered_model(name)


def aliases_of(client: Any, name: str) -> Mapping[str, str]:
    """Which version each alias of a registered model names."""
    return {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()}


def have_model(client: Any, name: str) -> None:
    """Make the registered model if it is not there."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
