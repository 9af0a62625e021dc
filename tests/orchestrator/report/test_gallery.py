"""Galleries: every picture once, and of every image what the store knows of it, or why it knows nothing."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from orchestrator.report.attentive import attentive_sections
from orchestrator.report.comparison import grid_comparison, overlays
from orchestrator.report.explained import explained_tasks
from orchestrator.report.findings import Findings, gather
from orchestrator.report.gallery import outline, picture_uri
from orchestrator.report.member_maps import maps_entries
from orchestrator.report.pictures import Studio
from orchestrator.report.write import render
from tests.orchestrator.report.explained_sweep import explained_sweep
from tests.orchestrator.report.tiny_sweep import finished_sweep


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    sweep = explained_sweep(tmp_path_factory.mktemp("explained"))
    return gather(sweep.store, sweep.ledger)


def facts(slide) -> dict[str, str]:
    return dict(slide.facts)


def test_an_image_has_its_probability_and_its_own_area(findings: Findings) -> None:
    (task,) = explained_tasks(findings, Studio())
    slides = task.gallery.slides
    best = findings.best
    raw, after = findings.predictions(best.key, "test"), findings.predictions(best.results["temperature"], "test")
    expected = [each.log_probs()[0, 5, 0].exp().item() for each in (raw, after)]
    assert facts(slides[0])["Probability"] == "{:.3f} ({:.3f} after temperature)".format(*expected)
    assert facts(slides[0])["AOPC"] == "0.250, in random order 0.125 (gain +0.125)"
    assert facts(slides[3])["AOPC"] == "0.500, in random order 0.250 (gain +0.250)"
    assert facts(slides[0])["Image"] == "number 6 of test"


def test_what_is_not_known_of_an_image_is_said(findings: Findings, tmp_path: Path) -> None:
    (task,) = explained_tasks(findings, Studio())
    slides = task.gallery.slides
    assert facts(slides[1])["AOPC"] == "none: it is not in the sample that was scored"
    assert slides[2].said == "wrong"
    assert facts(slides[2])["AOPC"] == "none: only correct predictions are scored"
    assert "Probability of <b>opacity</b> & $x$" not in facts(slides[2])
    assert any(name.startswith("Probability of") for name in facts(slides[2]))
    older = finished_sweep(tmp_path)  # whose result does not name its images
    (task,) = explained_tasks(gather(older.store, older.ledger), Studio())
    assert "does not say which image" in facts(task.gallery.slides[0])["Probability"]


def test_compared_trials_and_opacities_know_as_much(findings: Findings, tmp_path: Path) -> None:
    grid = grid_comparison(findings, Studio())["gallery"]
    first, second = (facts(view) for view in grid.slides[0].views)
    assert facts(grid.slides[0]) == {"True class": "normal"}
    assert "True class" not in first
    for told, row in ((first, findings.rows[0]), (second, findings.rows[1])):
        expected = findings.predictions(row.key, "test").log_probs()[0, 5, 0].exp().item()
        assert told["Probability"].startswith(f"{expected:.3f}")
        assert told["Image"] == "number 6 of test"
    assert first["AOPC"] == "0.250, in random order 0.125 (gain +0.125)"
    (task,) = explained_tasks(findings, Studio())
    opacities = overlays(findings, Studio())
    assert [facts(slide) for slide in opacities.slides] == [facts(slide) for slide in task.gallery.slides]
    older = finished_sweep(tmp_path)  # whose result does not name its images
    assert "does not say" in facts(overlays(gather(older.store, older.ledger), Studio()).slides[0])["Probability"]


def test_right_and_wrong_ones_are_counted(findings: Findings) -> None:
    (task,) = explained_tasks(findings, Studio())
    assert (task.gallery.right, task.gallery.wrong) == (3, 1)
    assert task.gallery.outlined == "the true lesion (green)"
    assert [bool(slide.lines) for slide in task.gallery.slides] == [False, True, False, False]


def test_trials_members_units_and_opacities_are_views(findings: Findings) -> None:
    studio = Studio()
    grid = grid_comparison(findings, studio)
    assert [view.name for view in grid["gallery"].slides[0].views] == ["trial-0000", "trial-0001"]
    assert all(None not in row["views"] for row in grid["rows"])
    opacities = overlays(findings, studio)
    assert [view.opacity for view in opacities.slides[0].views] == [0.25, 0.5, 0.75]
    (section,) = attentive_sections(findings, studio)
    assert (section.name, section.units, section.shown) == ("trial-0000", 6, 4)
    attentive = section.gallery
    assert len(attentive.slides[0].views) == 2 + 4
    assert attentive.slides[0].views[1].key
    (entry,) = maps_entries(findings, studio)
    members, ways, rotated = (gallery for _, gallery in entry.galleries)
    assert [view.name for view in members.slides[0].views] == ["Member 1", "Member 2", "All members"]
    assert [view.name for view in ways.slides[0].views] == ["one network", "mean", "deviation", "agreement"]
    assert members.slides[0].target == "no label"
    assert members.slides[0].said == ""
    assert members.slides[0].lines
    assert not rotated.slides[0].lines


def test_a_picture_is_in_the_page_once_and_every_reference_has_it(findings: Findings) -> None:
    page = render(findings)
    pictures = re.findall(r'href="(data:image/webp[^"]+)"', page)
    alike = [each for each in set(pictures) if pictures.count(each) > 1]
    of_two_galleries = (
        4 + 3 + 3
    )  # the opacities show the gallery's radiographs again, the ways the members' and their mean
    assert len(alike) <= of_two_galleries
    wanted, ids = set(re.findall(r'href="#(gallery-[^"]+)"', page)), re.findall(r' id="(gallery-[^"]+)"', page)
    assert wanted <= set(ids)
    assert len(page) < 1_200_000
    assert len(ids) == len(set(ids))


def test_a_picture_is_small_and_near_to_what_it_shows() -> None:
    y, x = np.mgrid[0:300, 0:600]
    smooth = (127 + 60 * np.sin(x / 40) + 60 * np.cos(y / 30)).astype(np.uint8)
    text = picture_uri(smooth, 512)
    picture = Image.open(io.BytesIO(base64.b64decode(text.partition(",")[2])))
    assert picture.size == (512, 256)
    assert len(text) < 8_000
    wanted = np.asarray(Image.fromarray(smooth).resize((512, 256)), float)
    assert np.abs(np.asarray(picture.convert("L"), float) - wanted).mean() < 2


def test_an_outline_has_the_corners_of_its_mask_alone() -> None:
    mask = np.zeros((64, 64), dtype=bool)
    mask[8:40, 10:50] = True
    (line,) = outline("lungs", mask)
    points = re.findall(r"[\d.]+ [\d.]+", line.path)
    assert len(points) <= 10  # eight cut corners, and the end at the beginning
    numbers = np.array([point.split() for point in points], float)
    assert numbers.min(0) == pytest.approx([10, 8], abs=0.51)
    assert numbers.max(0) == pytest.approx([50, 40], abs=0.51)
    assert outline("lungs", np.zeros((8, 8), dtype=bool)) == outline("lungs", None) == ()
