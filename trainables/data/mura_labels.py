"""Whether a study of MURA is abnormal, by `<split>_labeled_studies.csv` and by the name of its folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, TypeAlias

from trainables.data.csv_lines import Line, lines_of
from trainables.data.paths import normal_path
from trainables.data.problems import DataProblem
from trainables.data.wording import quoted

CLASSES = ("normal", "abnormal")
_BY_SUFFIX = {"negative": "normal", "positive": "abnormal"}
_BY_VALUE = {"0": "normal", "1": "abnormal"}
_STUDY_PARTS = 4


class Fault(NamedTuple):
    """A label that cannot be used: it is wrong for every image of its study."""

    line: Line
    rule: str
    kind: str

    def of(self, path: Path) -> DataProblem:
        """The same as a problem of one image."""
        return self.line.problem(self.rule, self.kind, path)


Verdict: TypeAlias = str | Fault
"""Class of a study, or what is wrong with its label."""


def verdicts_of(file: Path) -> dict[str, Verdict]:
    """What a file of labelled studies says, by the study's path below the data folder; nothing where it is not there.

    Raises:
        DataProblem: a file that is no CSV.
    """
    verdicts: dict[str, Verdict] = {}
    for line in lines_of(file) if os.path.isfile(file) else ():
        study = _study(line.at(0))
        before, now = verdicts.get(study), _verdict(line, study)
        if before is None or isinstance(now, Fault):
            verdicts[study] = now
        elif not isinstance(before, Fault) and before != now:
            rule = f"the study {quoted(study)} is {now} here and {before} in a line above. Remove one of the lines."
            verdicts[study] = Fault(line, rule, "duplicate_row")
    return verdicts


def abnormality(study: str, image: Path, verdicts: dict[str, Verdict], named_in: Line) -> str | DataProblem:
    """Class of an image by its study: as labelled, or else as its folder is called."""
    verdict = verdicts.get(study) or _BY_SUFFIX.get(_suffix(study))
    if verdict is None:
        return named_in.problem(
            f"the study {quoted(study)} has no label, and the name of its folder ends in neither '_positive' nor "
            "'_negative'. Add it to the file of labelled studies.",
            "unknown_class",
            image,
        )
    return verdict.of(image) if isinstance(verdict, Fault) else verdict


def _verdict(line: Line, study: str) -> Verdict:
    by_value, by_name = _BY_VALUE.get(line.at(1)), _BY_SUFFIX.get(_suffix(study))
    if by_value is None:
        rule = f"the label of a study is 0 or 1, and this one is {quoted(line.at(1))}. Correct it."
        return Fault(line, rule, "label_range")
    if by_name not in (None, by_value):
        rule = (
            f"the study {quoted(study)} is labelled {line.at(1)} ({by_value}), and its folder says {by_name}. Correct the "
            "label, or rename the folder."
        )
        return Fault(line, rule, "label_range")
    return by_value


def _study(text: str) -> str:
    """The last folders of a study's path, whatever the data folder is called."""
    return "/".join((normal_path(text) or text).split("/")[-_STUDY_PARTS:])


def _suffix(study: str) -> str:
    return study.rpartition("_")[2]
