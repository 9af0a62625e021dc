"""What a sweep's experiment looks like in MLflow's pages before anybody has set anything up.

MLflow opens an experiment as one of language models unless its tag says otherwise, and keeps views that were shared in tags of
its own; both are part of its user interface and of no interface for programs, so that a later version may ignore them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.tracking.protocol import TrackedData, View

KIND = {"mlflow.experimentKind": "custom_model_development"}
RANKED, TREE = "orchestrator", "orchestrator-tree"
SHARED = "mlflow.sharedViewState."
BY_DATE = "attributes.start_time"
FIRST, LAST = ("attributes.`Run Name`", "runDateAndNestInfo"), ("duration",)
LONGEST_TAG = 5000
LEAST_WIDTH = 100  # pixels; what a longer name takes is there for it
SECTION = "orchestrator-search"


@dataclass(frozen=True, kw_only=True)
class Pages:
    """Addresses of a sweep's pages.

    Attributes:
        name: of the sweep.
        ranked: its runs, the best one first.
        tree: its runs below the sweep's run, which has to be unfolded: MLflow shares no unfolded trees.
        charts: parallel coordinates of the search, and a chart a metric.
    """

    name: str
    ranked: str
    tree: str
    charts: str


def pages_of(address: str, experiment_id: str, name: str) -> Pages:
    """Where the views are seen."""
    runs = f"{address}/#/experiments/{experiment_id}/runs?workflowType=machine_learning"
    ranked = f"{runs}&viewStateShareKey={RANKED}"
    tree = f"{runs}&viewStateShareKey={TREE}"
    return Pages(name=name, ranked=ranked, tree=tree, charts=f"{ranked}&compareRunsMode=CHART")


def experiment_tags(view: View) -> dict[str, str]:
    """Tags of the experiment: its kind, and views with columns and order.

    Sorted by a metric MLflow shows a flat table; sorted by date, a tree.
    """
    metrics, params = [f"metrics.`{name}`" for name in view.metrics], [f"params.`{name}`" for name in view.params]
    columns = [*metrics, *params, "attributes.`Dataset`"]
    widths = {column: max(LEAST_WIDTH, 7 * len(column) - 40) for column in (*metrics, *params)}
    order = {"selectedColumns": columns, "columnOrder": [*FIRST, *columns, *LAST], "columnWidths": widths}
    shown = {**order, **_charts(view)}
    ranked = {"orderByKey": f"metrics.`{view.order_by}`", "orderByAsc": view.ascending, **shown}
    tree = {"orderByKey": BY_DATE, "orderByAsc": False, **shown}
    return {**KIND, f"{SHARED}{RANKED}": _text(ranked), f"{SHARED}{TREE}": _text(tree)}


def _text(state: Mapping[str, Any]) -> str:
    """A view as its tag holds it; of one that is too long for a tag the order alone."""
    text = json.dumps(state)
    if len(text) <= LONGEST_TAG:
        return text
    return json.dumps({name: state[name] for name in ("orderByKey", "orderByAsc")})


def _charts(view: View) -> dict[str, Any]:
    """Parallel coordinates as the first section of the charts; MLflow adds the others by itself."""
    if len(view.compared_params) + len(view.compared_metrics) < 2:
        return {}
    chart = {
        "uuid": f"{SECTION}-parallel",
        "type": "PARALLEL",
        "metricSectionId": SECTION,
        "deleted": False,
        "isGenerated": False,
        "selectedParams": list(view.compared_params),
        "selectedMetrics": list(view.compared_metrics),
        "showAllRuns": True,
    }
    section = {"uuid": SECTION, "name": "Search", "display": True, "isReordered": True, "deleted": False, "columns": 1}
    return {"compareRunCharts": [chart], "compareRunSections": [section], "isAccordionReordered": True}


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
