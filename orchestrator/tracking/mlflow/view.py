"""What a sweep's experiment looks like in MLflow's pages before anybody has set anything up.

MLflow opens an experiment as one of language models unless its tag says otherwise, and keeps a view that was shared in a
tag of its own; both are part of its user interface and of no interface for programs, so that a later version may ignore them.
"""

from __future__ import annotations

import json
from typing import Any

from orchestrator.tracking.protocol import TrackedData, View

KIND = {"mlflow.experimentKind": "custom_model_development"}
SHARE_KEY = "orchestrator"
VIEW_TAG = f"mlflow.sharedViewState.{SHARE_KEY}"
QUERY = f"workflowType=machine_learning&viewStateShareKey={SHARE_KEY}"


def experiment_tags(view: View) -> dict[str, str]:
    """Tags of the experiment: its kind, and a view with columns and order.

    Sorted by a metric MLflow shows a flat table; without the view, by date, the tree, which has to be unfolded by hand.
    """
    columns = [f"metrics.`{name}`" for name in view.metrics] + [f"params.`{name}`" for name in view.params]
    state = {
        "orderByKey": f"metrics.`{view.order_by}`",
        "orderByAsc": view.ascending,
        "selectedColumns": ["attributes.`Dataset`", *columns],
    }
    return {**KIND, VIEW_TAG: json.dumps(state)}


def page_of(address: str, experiment_id: str) -> str:
    """Where the view is seen."""
    return f"{address}/#/experiments/{experiment_id}/runs?{QUERY}"


def dataset_input(data: TrackedData) -> Any:
    """A data set in MLflow's words."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    return DatasetInput(
        Dataset(
            name=data.name,
            digest=data.digest,
            source_type="code",
            source=json.dumps({"key": data.source}),
            schema=data.schema,
            profile=data.profile,
        ),
        [InputTag("mlflow.data.context", "training")],
    )
