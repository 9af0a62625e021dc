"""The one door to MLflow. Importing this package does not import mlflow: that takes seconds."""

from orchestrator.tracking.mlflow.location import artifact_root, tracking_uri
from orchestrator.tracking.mlflow.tracker import MlflowTracker, open_tracker

__all__ = ["MlflowTracker", "artifact_root", "open_tracker", "tracking_uri"]
