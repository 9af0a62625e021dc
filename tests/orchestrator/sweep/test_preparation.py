import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from orchestrator.data import counts_text, left_out, open_data
from orchestrator.storage.store import Store
from orchestrator.sweep.preparation import Preparation
from tests.trainables.data.conftest import radiograph
from trainables.data.prepare import DataSource
from trainables.data.problems import BadImage, DataProblem
from trainables.spec import CovidRadiography, Split

SPEC = CovidRadiography(size=32)


@pytest.fixture
def chest(tmp_path: Path) -> Path:
    for number, name in enumerate(("COVID", "Normal")):
        folder = tmp_path / "chest" / name / "images"
        folder.mkdir(parents=True)
        for n in range(12):
            radiograph(100 * number + n).save(folder / f"{name}-{n}.png")
    return tmp_path / "chest"


def test_data_sets_split_in_another_way_share_their_decoded_images(tmp_path: Path, chest: Path) -> None:
    store, decoded = Store(tmp_path / "runs"), []
    preparation = Preparation(store, DataSource(root=chest), lambda done, total: decoded.append(done))
    keys = [preparation.data(SPEC, Split(seed=seed)) for seed in range(3)]
    keys.append(preparation.data(CovidRadiography(size=32, down_sample=True), Split()))
    assert len(set(keys)) == 4
    assert decoded == list(range(1, 25))
    assert len(store.keys("images")) == 1
    one, other = (open_data(store, key) for key in keys[:2])
    assert one.image_ids == other.image_ids
    assert one.splits.tolist() != other.splits.tolist()
    assert (one.pixels[:] == other.pixels[:]).all()


def test_changed_files_are_decoded_again(tmp_path: Path, chest: Path) -> None:
    store = Store(tmp_path / "runs")
    before = Preparation(store, DataSource(root=chest)).data(SPEC, Split())
    radiograph(999).save(chest / "COVID" / "images" / "COVID-0.png")
    after = Preparation(store, DataSource(root=chest)).data(SPEC, Split())
    assert before != after
    assert len(store.keys("images")) == 2
    row = open_data(store, after).image_ids.index("COVID/images/COVID-0.png")
    assert (open_data(store, before).pixels[row] != open_data(store, after).pixels[row]).any()


def _prepare(storage: str, root: str, calls: str) -> None:
    def tell(done: int, total: int) -> None:
        with open(calls, "a") as file:
            file.write(f"{os.getpid()}\n")

    Preparation(Store(storage), DataSource(root=Path(root)), tell).data(SPEC, Split())


def test_of_several_processes_that_ask_at_once_one_decodes(tmp_path: Path, chest: Path) -> None:
    calls = tmp_path / "calls.txt"
    context = multiprocessing.get_context("spawn")
    arguments = (str(tmp_path / "runs"), str(chest), str(calls))
    processes = [context.Process(target=_prepare, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    told = calls.read_text().split()
    assert len(told) == 24
    assert len(set(told)) == 1
    store = Store(tmp_path / "runs")
    assert len(store.keys("images")) == len(store.keys("data")) == 1


def test_bad_images_are_an_error_or_are_left_out_and_listed(tmp_path: Path, chest: Path) -> None:
    (chest / "COVID" / "images" / "COVID-3.png").write_bytes(b"")
    store = Store(tmp_path / "runs")
    with pytest.raises(BadImage, match=r"COVID-3\.png: the file is empty .*--on-bad-image skip"):
        Preparation(store, DataSource(root=chest)).data(SPEC, Split())
    assert store.keys("images") == []
    key = Preparation(store, DataSource(root=chest, on_bad_image="skip")).data(SPEC, Split())
    assert len(open_data(store, key)) == 23
    assert [(one["kind"], one["path"]) for one in left_out(store, key)] == [("zero_byte", "COVID/images/COVID-3.png")]
    assert "1 of 24 images are bad and were left out" in " ".join(open_data(store, key).remarks)
    for split in (Split(), Split(seed=1)):  # made without the bad image already, and not made yet
        with pytest.raises(DataProblem, match=r"COVID-3\.png: the file is empty .*--on-bad-image skip"):
            Preparation(Store(tmp_path / "runs"), DataSource(root=chest)).data(SPEC, split)


def test_what_a_data_set_holds_is_told_once(tmp_path: Path, chest: Path) -> None:
    told: list[str] = []
    preparation = Preparation(Store(tmp_path / "runs"), DataSource(root=chest), on_ready=told.append)
    key = preparation.data(SPEC, Split())
    preparation.data(SPEC, Split())
    assert told == [counts_text(preparation.store, key)]
    assert told[0].startswith(f"{key}: train ")
    sizes = np.bincount(open_data(preparation.store, key).splits == "train")[1]
    assert f"train {sizes} (COVID " in told[0]


def test_a_machine_s_own_cache_holds_one_copy_that_is_read(
    tmp_path: Path, chest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "runs")
    key = Preparation(store, DataSource(root=chest)).data(SPEC, Split())
    plain = open_data(store, key)
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "fast"))
    for _ in range(2):
        cached = open_data(store, key)
    (images,) = (path for path in (tmp_path / "fast").iterdir() if path.is_dir())
    assert images.name == store.keys("images")[0]
    assert Path(cached.pixels.array.filename).is_relative_to(images)  # type: ignore[attr-defined]
    assert (cached.pixels[:] == plain.pixels[:]).all()
