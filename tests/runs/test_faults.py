"""A run's folder with every file missing, cut off or with one bit flipped, on a full disk, and in a process that is killed."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vicreg import jobs
from vicreg.runs import folder as run_folder
from vicreg.runs.discovery import find_runs
from vicreg.runs.errors import RunError
from vicreg.runs.folder import Run, open_run, verify, write_run
from vicreg.runs.leftovers import drafts, sweep
from vicreg.storage.paths import BUNDLED

SMALLEST = BUNDLED / "coloured-digits-no-variance"  # of those with weights
ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path) -> Run:
    shutil.copytree(SMALLEST, tmp_path / SMALLEST.name)
    return open_run(tmp_path / SMALLEST.name)


def read(run: Run, file: str) -> object:
    """Read a file as pages do; the card is only verified."""
    if file.startswith("results/"):
        return run.results(Path(file).stem)
    return {
        "model.safetensors": lambda: run.encoder,
        "history.csv": lambda: run.history,
        "metrics.json": lambda: run.metrics,
    }.get(file, lambda: verify(run))()


def flipped(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]


@pytest.mark.fault(
    "a file of a run is missing, empty, cut off or has one flipped bit",
    "a sentence names the file and what to do",
)
def test_every_damaged_file_is_named_by_who_reads_it(run):
    chance = random.Random(0)
    damages = [
        lambda _: None,
        lambda _: b"",
        lambda content: content[: len(content) // 2],
        lambda content: flipped(content, chance),
    ]
    for file in run.record["files"]:
        path = run.folder / file
        content = path.read_bytes()
        for damage in damages:
            path.unlink()
            if (left := damage(content)) is not None:
                path.write_bytes(left)
            with pytest.raises(RunError, match=rf"{run.name}/{file} is (missing|damaged)"):
                read(open_run(run.folder), file)
            path.write_bytes(content)
    verify(open_run(run.folder))


@pytest.mark.fault(
    "config.json of a run, which no hash covers, has flipped bits", "a sentence names it, or the run opens"
)
def test_a_flipped_bit_in_config_json_raises_nothing_but_a_run_error(run):
    path, chance, refusals = run.folder / "config.json", random.Random(1), []
    content = path.read_bytes()
    for _ in range(200):
        path.write_bytes(flipped(content, chance))
        try:
            open_run(run.folder)
        except RunError as error:
            refusals.append(str(error))
    assert 50 < len(refusals) < 200
    assert all(run.name in words for words in refusals)


@pytest.mark.fault(
    "the disk is full while a run is written, at any of its files", "the old run stays, with no half run beside it"
)
def test_a_disk_that_fills_up_at_any_file_leaves_the_old_run(run, monkeypatch):
    files = {name: (run.folder / name).read_bytes() for name in run.record["files"]}
    record = {key: value for key, value in run.record.items() if key not in ("schema", "files")} | {"seed": 7}
    write = run_folder._write
    for room in range(len(files) + 1):
        written = []

        def full(path: Path, content: bytes, room: int = room, written: list = written) -> None:
            if len(written) == room:
                raise OSError(errno.ENOSPC, "No space left on device")
            written.append(path)
            write(path, content)

        monkeypatch.setattr(run_folder, "_write", full)
        with pytest.raises(OSError, match="No space left"):
            write_run(run.folder, files, record)
    assert os.listdir(run.folder.parent) == [run.name]
    assert open_run(run.folder).record["seed"] != 7
    verify(open_run(run.folder))


WRITER = """
import sys
from pathlib import Path
from vicreg.runs.folder import open_run, write_run

run = open_run(sys.argv[1])
files = {name: (run.folder / name).read_bytes() for name in run.record["files"]}
record = {key: value for key, value in run.record.items() if key not in ("schema", "files")}
print("ready", flush=True)
for seed in range(1_000):
    write_run(run.folder, files, {**record, "seed": seed})
"""


@pytest.mark.fault(
    "kill -9 of a process that writes a run",
    "the old run or the new one is there, whole; the next writer removes what was left",
)
def test_a_writer_that_is_killed_leaves_a_whole_run(run):
    chance = random.Random(2)
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(run.folder)], cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        verify(open_run(run.folder))
    again = {name: (run.folder / name).read_bytes() for name in run.record["files"]}
    write_run(run.folder, again, {key: value for key, value in run.record.items() if key not in ("schema", "files")})
    assert os.listdir(run.folder.parent) == [run.name]


@pytest.mark.fault("kill -9 between the two renames of a run", "the run is given its folder back")
def test_a_run_whose_writer_died_between_two_renames_is_found_again(run, monkeypatch):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    old = drafts(run.folder)[1]
    run.folder.rename(old.with_name(old.name.replace(f".{os.getpid()}.", f".{gone.pid}.")))
    monkeypatch.setenv("VICREG_RUNS", str(run.folder.parent))
    assert f"{run.name}-own" in find_runs()[0]
    verify(open_run(run.folder))


def test_a_run_that_another_process_is_writing_now_is_left_to_it(run):
    run.folder.rename(drafts(run.folder)[1])  # of this process, which lives
    with pytest.raises(RunError, match="no finished run"):
        open_run(run.folder)


def test_what_a_living_process_writes_is_told_from_what_a_dead_one_left_on_every_system(tmp_path, monkeypatch):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    ids = (os.getpid(), dead.pid, 2**40, 2**70)  # the last two are no process's
    for number in ids:
        (tmp_path / f".mine.{number}.new").mkdir()
    sweep(tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == [f".mine.{os.getpid()}.new"]
    monkeypatch.setattr("psutil.pid_exists", lambda pid: False)  # which knows it on Windows, too
    sweep(tmp_path / "mine")
    assert not list(tmp_path.iterdir())


@pytest.mark.fault("a folder of runs that cannot be listed", "a sentence; the bundled runs and every page stay")
@pytest.mark.parametrize("step", ["is_dir", "glob", "iterdir", "scandir"])
def test_a_folder_of_runs_that_cannot_be_listed_is_a_sentence(run, monkeypatch, step):
    root = run.folder.parent
    monkeypatch.setenv("VICREG_RUNS", str(root))
    owner, real = (os, os.scandir) if step == "scandir" else (Path, getattr(Path, step))

    def gone(path, *rest):
        if Path(path) == root:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))  # root meets this one, too
        return real(path, *rest)

    monkeypatch.setattr(owner, step, gone)
    found, broken = find_runs()
    if step != "scandir":  # what Python calls to list a folder depends on its version
        (told,) = broken
        assert told.startswith(f"The runs in the folder {root.name} cannot be listed (Stale file handle): allow")
    assert {one.folder.parent for one in found.values()} - {root} == {BUNDLED}
    assert jobs.find() == []
