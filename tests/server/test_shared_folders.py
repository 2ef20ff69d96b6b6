"""Two servers and a trainer that share all folders, while one of the servers is killed."""

import os
import subprocess
import sys

import pytest
from conftest import new_cache

from benchmarks.viewers import ROOT, Visitor, started
from vicreg.runs.folder import open_run, verify

NAME = "beside-two-servers"
SETTINGS = (
    *("--dataset", "coloured-digits", "--images", "256", "--batch-size", "64", "--epochs", "2"),
    *("--skip-evaluation", "--device", "cpu"),
)


def seen(url: str, page: str) -> str:
    with Visitor(url) as visitor:
        return "\n".join(map(str, visitor.sent(page, "data=coloured-digits")))


@pytest.mark.fault(
    "two servers and a trainer share all folders, and one of the servers is killed with kill -9",
    "the other server and the training go on, and a new server shows the finished run",
)
def test_a_killed_server_disturbs_neither_the_other_one_nor_a_training(tmp_path, made_once):
    new_cache(tmp_path / "cache", made_once)
    environment = {name: value for name, value in os.environ.items() if name != "VICREG_DATA"}
    own = {"VICREG_CACHE": str(tmp_path / "cache"), "VICREG_RUNS": str(tmp_path / "runs"), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "vicreg", "train", *SETTINGS, "--name", NAME]
    trainer = subprocess.Popen(words, cwd=ROOT, env=environment | own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    servers = []
    try:
        for _ in range(2):
            servers.append(started(tmp_path, environment))
        (first, _), (_, second) = servers
        with Visitor(servers[0][1]) as visitor:
            visitor.sent("training_curves", "data=coloured-digits")
            first.kill()
            first.wait()
        assert "coloured-digits/vicreg" in seen(second, "training_curves")
        out, _ = trainer.communicate(timeout=240)
        assert trainer.returncode == 0, out.decode()[-2_000:]
        servers.append(started(tmp_path, environment))
        for _, url in servers[1:]:
            assert NAME in seen(url, "training_curves")
    finally:
        for process in (trainer, *(process for process, _ in servers)):
            process.kill()
            process.wait()
    verify(open_run(tmp_path / "runs" / NAME))
    assert "Traceback" not in (tmp_path / "log").read_text("utf-8")
