"""What the papers left open, answered as far as the sweep goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.report.papers import p3_open
from orchestrator.report.papers.measured import Measured
from orchestrator.report.stability import stability_tables
from orchestrator.results import ResultRow

LOCALISE = "orchestrator localise"


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question that a paper left open.

    Attributes:
        asked: in our words.
        answers: sentences with our numbers; never empty, since what is missing is told with the way to it.
        section: of the report, where the details are.
    """

    asked: str
    answers: tuple[str, ...]
    section: str = ""


def questions(space: str, measured: Measured) -> tuple[Question, ...]:
    """Those of the paper whose sweep this is."""
    if space == "p0_mura_laplace":
        return (_certainty(measured),)
    if space.startswith("p2_chexpert"):
        return (_masks(measured),)
    if space == "p3_covid_aopc":
        return (_ranking(measured), _elsewhere())
    if space == "p3_covid_open":
        return tuple(_changes(measured))
    return ()


def _certainty(measured: Measured) -> Question:
    answers = []
    for row in measured.trials():
        task = next(
            (name for name in row.results if "maps" in name and f"{name}/test/pair_certainty" in row.metrics), ""
        )
        pair, top = (row.metrics.get(f"{task}/test/{name}") for name in ("pair_certainty", "top_region_certainty"))
        if pair is None or top is None:
            continue
        answers.append(
            f"{row.name}: of two regions the posterior's samples agree to {pair:.1%} which one matters more, in the mean over pairs "
            f"(50 % would be not knowing), and to {top:.1%} that the region of the largest share outranks another one."
        )
    low, high = _mean(measured, "top_region_low"), _mean(measured, "top_region_high")
    if answers and low is not None and high is not None:
        answers.append(
            f"That region's share of the relevance lies between {low:.1%} and {high:.1%} (95 %, mean over images)."
        )
    return Question(
        asked="How certain is the model about the regions that it shows?",
        answers=tuple(answers) or ("The task member_maps has no result yet; the same command computes it.",),
        section="explanations",
    )


def _mean(measured: Measured, metric: str) -> float | None:
    found = [
        value
        for row in measured.trials()
        for name in row.results
        if (value := row.metrics.get(f"{name}/test/{metric}")) is not None
    ]
    return sum(found) / len(found) if found else None


def _masks(measured: Measured) -> Question:
    answers = [said for row in measured.trials() if (said := _inside(row))]
    without = (
        f"These data have no masks of findings. {LOCALISE} {measured.findings.name} FOLDER compares every network's maps with a "
        "folder of them; on the embedded radiographs, whose lesions are known, this report does it by itself."
    )
    return Question(
        asked="How good is a saliency map, when nobody has checked it?", answers=tuple(answers) or (without,),
        section="explanations",
    )  # fmt: skip


def _inside(row: ResultRow) -> str:
    named = {name.rpartition("/")[2]: value for name, value in row.metrics.items() if name.startswith("aopc/test/")}
    energy, share, hit = (named.get(name) for name in ("energy_inside", "mask_share", "pointing_game"))
    if energy is None or share is None or hit is None:
        return ""
    label = str(row.params.get("row") or row.params.get("backbone") or row.name)
    return (
        f"{label}: {energy:.1%} of the map lies inside what makes the finding, which covers {share:.1%} of the image; the map's "
        f"peak does in {hit:.1%}."
    )


def _ranking(measured: Measured) -> Question:
    found = tuple(table.sentence for table in stability_tables(measured.trials()))
    return Question(
        asked="Do other and stronger perturbations leave the ranking of the networks as it is?",
        answers=found
        or ("The task aopc_stability has no results of two networks yet; the same command computes them.",),
        section="explanations",
    )


def _elsewhere() -> Question:
    return Question(
        asked="What do a tuned head, better sampling and the lung masks bring?",
        answers=("A sweep of its own answers it: orchestrator sweep p3_covid_open, with the same --data.",),
    )


def _changes(measured: Measured) -> Iterator[Question]:
    told = p3_open.answers(measured)
    for topic, rows in p3_open.TOPICS.items():
        missing = "No result yet; the same command computes it."
        if measured.findings.state == "finished":
            missing = f"This sweep has none of the rows that would tell it: {', '.join(rows)}."
        yield Question(asked=f"{topic}?", answers=(told.get(topic, missing),))
