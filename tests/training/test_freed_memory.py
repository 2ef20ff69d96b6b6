"""A training process keeps the memory that it frees."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from vicreg.training.freed_memory import keep_freed_memory

assert sys.argv[1] == "return" or keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(40 << 20, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_a_process_that_keeps_freed_memory_asks_the_system_for_it_once():
    def faults(way: str) -> int:
        return int(
            subprocess.run([sys.executable, "-c", FAULTS, way], capture_output=True, check=True, text=True).stdout
        )

    assert faults("keep") < 20
    assert faults("return") > 200
