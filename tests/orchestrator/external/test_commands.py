import csv
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from orchestrator.cli.evaluate import command as evaluate_command
from orchestrator.cli.evaluate import parse_maps
from orchestrator.cli.predict import command as predict_command
from orchestrator.external.evaluate import evaluate


def run(command, *words):
    return CliRunner().invoke(command, [str(word) for word in words], standalone_mode=False)


def test_evaluate_prints_one_json_document(storage, hospital):
    result = run(evaluate_command, "tiny", "--data", hospital, "--storage", storage, "--json")
    found = evaluate(storage, "tiny", hospital)
    assert json.loads(result.stdout) == json.loads(json.dumps(found.to_plain()))
    assert result.stderr == ""


def test_evaluate_prints_a_table_with_before_and_after(storage, hospital):
    result = run(evaluate_command, "tiny", "--data", hospital, "--storage", storage)
    assert "(best)" in result.stdout
    assert "ensemble_seeds_3" in result.stdout
    assert "->" in result.stdout


@pytest.mark.parametrize(
    ("maps", "message"),
    [(["Healthy"], "wants FOLDER=CLASS"), (["a=x", "a=y"], "'a' is mapped to 'x' already")],
)
def test_a_bad_map_is_refused(maps, message):
    with pytest.raises(ValueError, match=message):
        parse_maps(maps)


def test_a_remembered_evaluation_needs_no_torch(storage, hospital):
    evaluate(storage, "tiny", hospital)
    code = (
        "import sys; from pathlib import Path; from orchestrator.external.evaluate import evaluate; "
        "evaluate(Path(sys.argv[1]), 'tiny', sys.argv[2]); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, storage, hospital], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_predict_writes_a_csv_and_refuses_to_overwrite(storage, hospital, tmp_path):
    out = tmp_path / "predictions.csv"
    words = ("tiny", hospital, "--storage", storage, "--out", out)
    assert run(predict_command, *words).return_value == 0
    rows = list(csv.DictReader(out.open()))
    assert len(rows) == 30
    assert sum(float(rows[0][name]) for name in rows[0] if name.startswith("p/")) == pytest.approx(1)
    assert "the file exists, and nothing is overwritten unasked" in str(run(predict_command, *words).exception)
    assert run(predict_command, *words, "--force", "--with", "ensemble_top_2").return_value == 0
    assert "mutual_information" in next(csv.DictReader(out.open()))


def test_predict_prints_json(storage, hospital, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"")
    result = run(predict_command, "tiny", tmp_path, "--storage", storage, "--skip-bad", "--json")
    document = json.loads(result.stdout)
    assert document["images"] == 1
    assert document["rows"][0]["predicted"] is None
    assert "the file is empty" in document["rows"][0]["problem"]
    assert result.return_value == 1


def test_an_out_that_cannot_be_is_refused_before_anything_is_computed(storage, hospital, tmp_path):
    result = run(predict_command, "tiny", hospital, "--storage", storage, "--out", tmp_path / "no" / "p.csv")
    assert "lies in a folder that does not exist" in str(result.exception)


def test_the_newest_sweep_is_meant_without_a_name(storage, hospital):
    result = run(predict_command, hospital / "COVID", "--storage", storage, "--json")
    assert json.loads(result.stdout)["sweep"] in ("tiny", "embedded")
