"""What a sweep would do, in words: `--dry-run`."""

from __future__ import annotations

from orchestrator.sweep.launch import Launch
from search_spaces.study import Study
from trainables.spec import canonical_json

DRAWS = 3


def preview(launch: Launch) -> str:
    """Describe a launch: nothing is written, no data are read."""
    sweep = launch.sweep
    scheduler = sweep.scheduler
    ending = (
        f"ASHA from epoch {scheduler.grace_epochs}, one in {scheduler.reduction_factor} goes on"
        if scheduler
        else "none: every trial runs to its end"
    )
    lines = [
        f"{launch.name}: {sweep.description or sweep.name}",
        f"  storage      {launch.storage}",
        f"  data         {launch.source.root or 'embedded'}",
        f"  trials       {sweep.trials}, drawn by {sweep.searcher} with seed {sweep.seed}",
        "  objectives   " + ", ".join(f"{each.metric} ({each.mode})" for each in sweep.objectives),
        f"  scheduler    {ending}",
        f"  members      the best configuration with {sweep.member_seeds} further seeds",
        "  post-hoc     " + ", ".join(task.name or task.kind for task in sweep.posthoc),
        f"  a trial uses {sweep.resources.cpus} CPU and {sweep.resources.gpus:g} GPU",
    ]
    fixed = launch.overrides.to_plain()
    if fixed:
        lines.append("  fixed        " + ", ".join(f"{key}={value}" for key, value in fixed.items()))
    lines += ["  first draws  (later ones depend on results)", *_first_draws(launch)]
    return "\n".join(lines)


def _first_draws(launch: Launch) -> list[str]:
    sweep = launch.sweep
    study = Study(sweep.space, sweep.objectives, searcher=sweep.searcher, seed=sweep.seed, overrides=launch.overrides)
    draws = [study.draw() for _ in range(min(DRAWS, sweep.trials))]
    return [f"    {draw.number}  {canonical_json(draw.spec)}" for draw in draws]
