from pathlib import Path

import pytest

from orchestrator import api

SPACE = """
from search_spaces.demo import space
from search_spaces.sweep import Sweep
from trainables.spec import Ensemble, Evaluation, PixelBaseline, Temperature

tasks = (Evaluation(), Temperature(), PixelBaseline(size=8), Ensemble(members="seeds"), Ensemble(members="top"))
sweep = Sweep(name="mine", space=space, posthoc=tasks)
"""
TINY = {"data/images": 64, "data/size": 32, "schedule/epochs": 1, "backbone": "small_cnn", "member_seeds": 1}


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api")
    (folder / "mine.py").write_text(SPACE)
    ended = api.run(str(folder / "mine.py"), storage=folder, trials=2, settings=TINY, inline=True)
    assert ended.finished
    assert not ended.failed_trials
    assert not ended.failed_tasks
    return folder


def test_results_come_as_a_frame_with_parameters_and_metrics_as_columns(storage: Path) -> None:
    frame = api.results("mine", storage=storage)
    assert list(frame["kind"]) == ["trial", "trial", "member", "ensemble", "ensemble"]
    trials = frame[frame["kind"] == "trial"]
    assert trials["metrics/test/accuracy"].between(0, 1).all()
    assert trials["params/learning_rate"].notna().all()


def test_status_names_and_audit_are_typed(storage: Path) -> None:
    assert api.sweeps(storage) == ["mine"]
    assert api.status(storage=storage)["state"] == "finished"
    assert api.audit("mine", storage=storage).ok


def test_the_report_is_written_where_it_is_asked_for(storage: Path, tmp_path: Path) -> None:
    path = api.report("mine", storage=storage, path=tmp_path / "page.html")
    assert "A linear model on the pixels" in path.read_text()


def test_own_images_are_predicted_as_a_frame(storage: Path, tmp_path: Path) -> None:
    from PIL import Image

    from trainables.data.synthetic import synthesize

    for index in range(3):
        Image.fromarray(synthesize(index, size=40).pixels).save(tmp_path / f"{index}.png")
    frame = api.predict("mine", tmp_path, storage=storage)
    assert list(frame["file"]) == ["0.png", "1.png", "2.png"]
    assert frame.filter(like="p/").sum(axis=1).to_numpy() == pytest.approx([1, 1, 1])


def test_a_mistake_is_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Did you mean 'demo'"):
        api.run("demoo", storage=tmp_path)
