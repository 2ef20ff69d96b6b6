"""The command line: train, evaluate and list, on a small stand-in for CIFAR-10."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from safetensors import safe_open

from vicreg import jobs
from vicreg.claims import findings
from vicreg.cli.main import main
from vicreg.config import PRECISIONS
from vicreg.runs.discovery import find_runs
from vicreg.runs.folder import open_run, verify
from vicreg.runs.readme_tables import run_table
from vicreg.storage import paths
from vicreg.storage.paths import STATE_FILE

ROOT = Path(__file__).parents[2]
SMALL = ("--encoder", "tiny", "--batch-size", "16", "--view-size", "16", "--device", "cpu")


@pytest.fixture
def here(tiny_hub, monkeypatch, tmp_path):
    """This process on the small stand-in, with no run that comes with the app; returns where such runs would lie."""
    for name, value in tiny_hub.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path / "no-runs"))
    monkeypatch.setattr(paths, "BUNDLED", tmp_path / "bundled")
    return tmp_path / "bundled"


@pytest.fixture(scope="module")
def trained(tiny_hub, tmp_path_factory) -> Path:
    """A run of two epochs, trained by the command line."""
    folder = tmp_path_factory.mktemp("trained")
    words = [sys.executable, "-m", "vicreg", "train", "--epochs", "2", *SMALL, "--folder", str(folder)]
    environment = {**os.environ, **tiny_hub, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert "cifar10/vicreg: linear probe" in ended.stdout
    return folder / "cifar10-vicreg"


def test_training_leaves_a_whole_run_and_nothing_else(trained):
    assert [path.name for path in trained.parent.iterdir()] == ["cifar10-vicreg"]
    run = open_run(trained)
    verify(run)
    assert run.config.epochs == 2
    assert run.config.views.size == 16
    assert run.record["precision"] in PRECISIONS
    assert run.record["data"]["train"]["images"] == 64
    assert run.record["data"]["test"]["images"] == 48
    assert "PNG" in run.record["data"]["test"]["source"]
    for table in ("neighbours", "spectrum", "confusion", "predictions", "fingerprints"):
        assert len(run.results(table))


def test_evaluating_again_in_another_process_gives_the_same_files_byte_for_byte(trained, here, capsys):
    def contents() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in trained.rglob("*") if path.is_file()}

    def metrics() -> dict:
        return json.loads((trained / "metrics.json").read_text())

    before, measured = contents(), metrics()
    assert main(["evaluate", str(trained)]) == 0
    assert "linear probe" in capsys.readouterr().out
    tables = {name for name in before if name.endswith((".parquet", ".csv", ".safetensors"))}
    assert {name: contents()[name] for name in tables} == {name: before[name] for name in tables}
    assert {name: metrics()[name] for name in measured} == measured


def test_a_finished_run_is_not_trained_over_unasked(trained, here, capsys):
    assert main(["train", *SMALL, "--folder", str(trained.parent)]) == 1
    said = capsys.readouterr().err
    assert "--replace" in said
    assert "--name" in said


def test_ctrl_c_a_request_to_end_and_a_closed_terminal_save_and_the_same_command_goes_on(here, tmp_path, capsys):
    words = ("train", "--epochs", "4000", *SMALL, "--folder", str(tmp_path))
    state = tmp_path / ".training-cifar10-vicreg" / STATE_FILE
    reached = 0

    def send_when_saved(number: int, ended: threading.Event) -> None:
        while not ended.wait(0.05):
            if state.exists() and _step(state) > reached:
                return os.kill(os.getpid(), number)

    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        before = signal.signal(sent, signal.SIG_DFL)  # where the tests run under nohup, it would be ignored
        ended = threading.Event()
        sender = threading.Thread(target=send_when_saved, args=(sent, ended))
        sender.start()
        try:
            assert main(words) == 130
        finally:
            ended.set()
            sender.join()
            signal.signal(sent, before)
        assert "Stopped and saved" in capsys.readouterr().out
        assert not (tmp_path / "cifar10-vicreg").exists()
        assert _step(state) > reached
        reached = _step(state)


@pytest.mark.parametrize(("words", "teacher"), [((), "vicreg"), (("--teacher", "careful"), "careful")])
def test_neighbour_views_without_their_teacher_say_how_to_train_it(here, tmp_path, capsys, words, teacher):
    folder = tmp_path / "runs"
    assert main(["train", "--preset", "neighbour-views", *words, *SMALL, "--folder", str(folder)]) == 1
    (said,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("vicreg:")]
    assert f"needs the run cifar10-{teacher} to find nearest images" in said
    assert f"python -m vicreg train --dataset cifar10 --preset vicreg --name cifar10-{teacher}`" in said
    assert not folder.exists()


def test_a_run_trained_without_measuring_is_listed_and_measured_later(here, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path / "runs"))
    quick = ("--epochs", "1", "--optimiser", "muon", "--precision", "float32")
    assert main(["train", *quick, *SMALL, "--skip-evaluation"]) == 0
    out = capsys.readouterr().out
    assert "linear probe" not in out
    (command,) = re.findall(r"To do so: `(.+)`", out)
    folder = tmp_path / "runs" / "cifar10-vicreg"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    run = open_run(folder)
    assert (run.config.optimiser, run.record["precision"]) == ("muon", "float32")
    job = jobs.get("cifar10-vicreg")
    assert (job.state, job.probe) == ("finished", None)
    assert main(["list"]) == 0
    assert "not yet" in capsys.readouterr().out

    assert main(shlex.split(command)[3:]) == 0
    assert "linear probe" in capsys.readouterr().out
    measured = open_run(folder)
    assert jobs.get("cifar10-vicreg").probe[0] == measured.metrics["probe"]["accuracy"]


@pytest.mark.fault(
    "a run of yours has the name of a bundled run", "commands ask which one is meant, and say how to name it"
)
def test_a_name_that_two_runs_have_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path))
    shutil.copytree(paths.BUNDLED / "coloured-digits-pixels", tmp_path / "coloured-digits-pixels")
    for words in (["evaluate", "coloured-digits-pixels"], ["publish", "ada/runs", "coloured-digits-pixels"]):
        assert main(words) == 1
        assert "use coloured-digits-pixels-own for yours" in capsys.readouterr().err


def test_options_that_no_config_holds_go_on_with_a_stopped_training(here, tmp_path, monkeypatch):
    """What `--skip-evaluation`, `--precision` and `--teacher` said is in the command that a page would resume."""
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path / "runs"))
    quick = ("--epochs", "9", "--teacher", "other", "--precision", "float32")
    assert main(["train", *quick, *SMALL, "--skip-evaluation", "--max-seconds", "0.001"]) == 130
    job = jobs.get("cifar10-vicreg")
    assert job.state == "stopped"
    assert job.config.teacher == "other"
    words = list(job.command)
    assert "--skip-evaluation" in words
    assert words[words.index("--precision") + 1] == "float32"


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--precision", "float16", "bfloat16"), ("--max-seconds", "0", "got 0"), ("--max-disk", "0", "got 0")],
)
def test_an_option_out_of_range_is_refused_by_its_name(option, value, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["train", option, value])
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert f"argument {option}" in message
    assert said in message


def test_without_pictures_training_says_how_to_get_them(here, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("VICREG_DATA")
    monkeypatch.setenv("VICREG_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert main(["train", "--folder", str(tmp_path / "runs")]) == 1
    assert "VICREG_DATA" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--epochs", "0"], "epochs must be at least 1, got 0"),
        (["train", "--name", "../x"], "plain folder name"),
        (["train", "--learning-rate", "inf"], "learning_rate must be finite, got inf"),
        (["train", "--seed", "-1"], "seed must not be negative, got -1"),
        (["train", "--config", "huge.json"], "learning_rate must be a number that a float can hold"),
        (["train", "--config", "deep.json"], "--config deep.json cannot be used"),
        (["train", "--tensorboard", "huge.json"], "--tensorboard huge.json is not writable (File exists)"),
        (["evaluate", "nothing-like-it"], "there is no run 'nothing-like-it'"),
    ],
)
def test_bad_arguments_get_a_sentence(words, message, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VICREG_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("huge.json").write_text(f'{{"learning_rate": 1{"0" * 400}}}')
    Path("deep.json").write_text("[" * 100_000)
    assert main(words) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("words", "status"), [(["cifar10-vicreg"], 0), ([], 1)])
def test_a_broken_run_fails_only_the_evaluation_of_all_runs(words, status, monkeypatch, capsys, tmp_path):
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.json").write_text("{")
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path))
    monkeypatch.setattr("vicreg.pipeline.measure_run.evaluate_run", lambda run, **_: run)
    assert main(["evaluate", *words]) == status
    out, err = capsys.readouterr()
    assert "cifar10/vicreg: linear probe" in out
    assert ("half/config.json cannot be read" in err) == bool(status)


def test_ctrl_c_while_measuring_again_ends_without_a_traceback(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("vicreg.pipeline.measure_run.evaluate_run", interrupted)
    assert main(["evaluate", "cifar10-vicreg"]) == 130
    assert "stopped" in capsys.readouterr().err


def test_a_device_that_is_not_here_is_named_with_those_that_are(here, tmp_path, capsys):
    assert main(["train", "--device", "tpu", "--folder", str(tmp_path / "runs")]) == 1
    assert "device 'tpu' is not available on this machine; available:" in capsys.readouterr().err


def test_list_shows_every_run_and_names_the_broken_ones(trained, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("VICREG_RUNS", str(trained.parent))
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert "own" in out
    assert "62.68" in out
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.json").write_text("{")
    shutil.copytree(trained, tmp_path / "cifar10-mine")
    (tmp_path / "cifar10-mine" / "metrics.json").write_text("{}")
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path))
    assert main(["list"]) == 1
    out, err = capsys.readouterr()
    assert "half/config.json cannot be read" in err
    assert "cifar10-mine/metrics.json is damaged" in err
    assert "cifar10-vicreg-long" in out


def _step(state: Path) -> int:
    with safe_open(state, framework="pt") as file:
        return json.loads(file.metadata()["state"])["step"]


def test_claims_prints_every_finding_with_its_verdict(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path))
    found = {name.removeprefix("cifar10-"): run.metrics for name, run in find_runs()[0].items()}
    assert main(["claims"]) == 0
    out = capsys.readouterr().out
    for number, (claim, finding) in enumerate(findings(found), start=1):
        row = next(line for line in out.splitlines() if line.startswith(f"{number}. "))
        assert claim.words in row
        assert finding.verdict in row
        assert finding.ours[:40] in out


def test_list_writes_the_tables_of_the_bundled_runs_into_a_file(capsys, tmp_path):
    file = tmp_path / "tables.md"
    file.write_text("before\n<!-- table: coloured-digits -->\n<!-- end -->\nafter\n")
    assert main(["list", "--write", str(file)]) == 0
    runs = [open_run(path) for path in sorted(paths.BUNDLED.glob("coloured-digits-*"))]
    assert run_table("coloured-digits", runs) in file.read_text()
    assert str(file) in capsys.readouterr().out
