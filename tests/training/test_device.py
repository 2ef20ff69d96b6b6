"""The device of a training, and the threads of what one process does alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vicreg.training.device import choose_device
from vicreg.training.distributed import joined

ROOT = Path(__file__).parents[2]


@pytest.fixture
def two_devices(monkeypatch) -> list[torch.device]:
    """A machine that seems to have two CUDA devices; the devices that were made the current one."""
    current = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    return current


@pytest.mark.fault("a CUDA device that this machine does not have", "a sentence names those it has")
def test_a_device_beyond_the_last_is_refused(two_devices, monkeypatch):
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ValueError, match=r"there is no device 'cuda:2': this machine has cuda:0 to cuda:1$"):
        choose_device("cuda:2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match=r"there is no device 'cuda:1': this machine has cuda:0$"):
        choose_device("cuda:1")


@pytest.mark.parametrize(("name", "current"), [("cuda:1", ["cuda:1"]), ("cuda", []), ("cpu", [])])
def test_a_process_alone_makes_the_named_device_the_current_one(two_devices, name, current):
    with joined(choose_device(name)) as team:
        assert team.device == torch.device(name)
        assert two_devices == [torch.device(one) for one in current]


def test_numpy_scipy_and_scikit_learn_use_every_processor_too_where_torchrun_allows_one_thread():
    code = (
        "from threadpoolctl import threadpool_info\n"
        "from vicreg.training.device import every_processor\n"
        "with every_processor():\n"
        "    import sklearn.linear_model, sklearn.cluster, sklearn.manifold, scipy.sparse.linalg\n"
        "    print({pool['num_threads'] for pool in threadpool_info()})\n"
        "    print(sorted({pool['user_api'] for pool in threadpool_info()}))\n"
        "print({pool['num_threads'] for pool in threadpool_info()})\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", code]
    ended = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    allowed = getattr(os, "sched_getaffinity", None)  # not on a Mac
    every = len(allowed(0)) if allowed else os.cpu_count()
    assert ended.stdout.splitlines() == [f"{{{every}}}", "['blas', 'openmp']", "{1}"]
