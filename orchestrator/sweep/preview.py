"""What a sweep would do, in words: `--dry-run`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from orchestrator.sweep.launch import Launch
from search_spaces.sweep import Resources
from trainables.spec import TrialSpec, canonical_json, to_plain

DRAWS = 3


def preview_json(launch: Launch) -> dict[str, Any]:
    """The same as `preview`, as JSON values."""
    sweep = launch.sweep
    return {
        "name": launch.name,
        "space": sweep.name,
        "storage": str(launch.storage),
        "data": str(launch.source.root or ""),
        "trials": sweep.trials,
        "searcher": sweep.searcher,
        "seed": sweep.seed,
        "objectives": [asdict(objective) for objective in sweep.objectives],
        "scheduler": to_plain(sweep.scheduler),
        "member_seeds": sweep.member_seeds,
        "posthoc": [task.name or task.kind for task in sweep.posthoc],
        "resources": asdict(sweep.resources),
        "fixed": launch.overrides.to_plain(),
        "scale": launch.request.get("scale", "paper"),
        "differences": [asdict(each) for each in launch.differences],
        "first_draws": [to_plain(spec) for spec in _first_draws(launch)],
    }


def preview(launch: Launch) -> str:
    """Describe a launch: nothing is written, no data are read."""
    sweep = launch.sweep
    scheduler = sweep.scheduler
    ending = scheduler.told() if scheduler else "none: every trial runs to its end"
    lines = [
        f"{launch.name}: {sweep.description or sweep.name}",
        f"  storage      {launch.storage}",
        f"  data         {launch.source.root or 'embedded'}",
        f"  trials       {sweep.trials}, drawn by {sweep.searcher} with seed {sweep.seed}",
        "  objectives   " + ", ".join(f"{each.metric} ({each.mode})" for each in sweep.objectives),
        f"  scheduler    {ending}",
        f"  members      the best configuration with {sweep.member_seeds} further seeds",
        "  post-hoc     " + ", ".join(task.name or task.kind for task in sweep.posthoc),
        f"  a trial uses {_used(sweep.resources)}",
    ]
    fixed = launch.overrides.to_plain()
    if fixed:
        lines.append("  fixed        " + ", ".join(f"{key}={value}" for key, value in fixed.items()))
    lines += told_differences(launch)
    lines.append("  first draws  (later ones depend on results)")
    lines += [f"    {number}  {canonical_json(spec)}" for number, spec in enumerate(_first_draws(launch))]
    return "\n".join(lines)


def told_differences(launch: Launch) -> list[str]:
    """What a paper's sweep has otherwise than the paper, a line each; empty for one that is as the paper has it."""
    if not launch.differences:
        return []
    wide = max(len(each.setting) for each in launch.differences)
    lines = [f"    {each.setting:{wide}}  {each.paper} -> {each.here}" for each in launch.differences]
    return ["  differs from the paper", *lines]


def _first_draws(launch: Launch) -> list[TrialSpec]:
    study = launch.study()
    return [study.draw().spec for _ in range(min(DRAWS, launch.sweep.trials))]


def _used(resources: Resources) -> str:
    each = f"{resources.cpus} CPU and {resources.gpus:g} GPU"
    return each if resources.workers == 1 else f"{resources.workers} workers, each with {each}"
