"""The one door to MLflow. Importing this package does not import mlflow: that takes seconds."""

from orchestrator.tracking.mlflow.location import artifact_root, tracking_uri
from orchestrator.tracking.mlflow.tracker import MlflowTracker, tracker_opener

__all__ = ["MlflowTracker", "artifact_root", "tracker_opener", "tracking_uri"]
