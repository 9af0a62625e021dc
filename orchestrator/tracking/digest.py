"""What of an update the server lacks: the difference to what was sent, and a digest by which a later driver sees it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace

from orchestrator.tracking.protocol import DIGEST_TAG, RunUpdate


def digest_of(update: RunUpdate) -> str:
    """Name an update by all that it holds; stands as a tag on the run, written after everything else."""
    content = {
        "run": [update.key, update.name, update.parent, update.status, update.start_ms, update.end_ms],
        "params": dict(update.params),
        "tags": dict(update.tags),
        "metrics": [list(asdict(point).values()) for point in update.metrics],
        "artifacts": {path: artifact.identity for path, artifact in update.artifacts.items()},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def lacking(update: RunUpdate, sent: RunUpdate | None) -> RunUpdate:
    """The part of an update that was not sent yet, with the digest of the whole."""
    tags = {**update.tags, DIGEST_TAG: digest_of(update)}
    if sent is None:
        return replace(update, tags=tags)
    points = set(sent.metrics)
    return replace(
        update,
        tags={name: value for name, value in tags.items() if sent.tags.get(name) != value},
        params={name: value for name, value in update.params.items() if name not in sent.params},
        metrics=[point for point in update.metrics if point not in points],
        artifacts={
            path: artifact for path, artifact in update.artifacts.items() if sent.artifacts.get(path) != artifact
        },
    )
