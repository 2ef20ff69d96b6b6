"""A session in a folder that already holds a state: it goes on with its own, and leaves another's alone."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vicreg.config import Config
from vicreg.jobs.record import Limits
from vicreg.jobs.training_process import session
from vicreg.storage.paths import EVENTS_FILE, JOB_FILE, LOCK_FILE, STATE_FILE

CONFIG = Config(seed=3)


def state_of(settings: dict, folder: Path) -> Path:
    """A training folder with a state of such settings, after its fifth step."""
    folder.mkdir()
    state = json.dumps({"step": 5, "config": settings})
    save_file({"weight": torch.zeros(1)}, folder / STATE_FILE, metadata={"state": state})
    return folder


def older() -> dict:
    """The settings as a version wrote them that knew no other positives than views."""
    return {name: value for name, value in CONFIG.to_dict().items() if name not in ("positives", "teacher")}


@pytest.mark.fault(
    "a training resumes after an upgrade that added a setting", "it has its lock, its events and its limits"
)
def test_a_state_of_an_older_version_is_resumed_like_any_other(tmp_path):
    folder = state_of(older(), tmp_path / ".training-mine")
    with session(folder, CONFIG, images=None, device="cpu", limits=Limits(), beside=True) as now:
        assert now.folder == folder
        assert (folder / LOCK_FILE).exists()
        assert (folder / JOB_FILE).exists()
        started = json.loads((folder / EVENTS_FILE).read_text().splitlines()[0])
        assert (started["kind"], started["step"]) == ("started", 5)


@pytest.mark.parametrize("change", [{"seed": 4}, {"colour": 1}, {"epochs": "ten"}])
def test_a_state_of_other_settings_is_left_to_training_which_reports_it(tmp_path, change):
    folder = state_of({**CONFIG.to_dict(), **change}, tmp_path / ".training-mine")
    with session(folder, CONFIG, images=None, device="cpu", limits=Limits(), beside=True) as now:
        assert now.folder is None
    assert not (folder / JOB_FILE).exists()
