"""The one door to MLflow. Importing this package does not import mlflow: that takes seconds."""

from orchestrator.tracking.mlflow.client import SETTINGS, require_answer, without_password
from orchestrator.tracking.mlflow.location import artifact_root, runs_elsewhere, sweep_pages, tracking_uri
from orchestrator.tracking.mlflow.tracker import MlflowTracker, open_tracker

__all__ = [
    "SETTINGS",
    "MlflowTracker",
    "artifact_root",
    "open_tracker",
    "require_answer",
    "runs_elsewhere",
    "sweep_pages",
    "tracking_uri",
    "without_password",
]
