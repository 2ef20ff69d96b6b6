"""What is kept of runs: made once for equal arguments, and again as soon as a run's content differs."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ui.shared_cache import Store, kept
from vicreg.evaluation.anomaly_score import KNOWN, Scoring
from vicreg.runs.folder import open_run
from vicreg.storage.paths import BUNDLED


def test_a_result_is_made_once_for_equal_arguments_and_anew_for_a_run_of_other_content():
    run, made = open_run(BUNDLED / "coloured-digits-vicreg"), []

    @kept(most=10)
    def told(runs, *, unit="%"):
        made.append(unit)
        return [*runs]

    first = told({"a": run})
    assert told({"a": open_run(run.folder)}) is first
    told({"b": run})
    told({"a": run}, unit="px")
    other = type(run)(run.folder, run.config, run.record | {"epochs": 99})
    told({"a": other})
    assert made == ["%", "%", "px", "%"]
    with pytest.raises(TypeError, match="got object"):
        told({"a": object()})


def test_a_store_forgets_what_nobody_asked_for_longest_and_keeps_nothing_of_an_error():
    store = Store(2)
    for key in "abab":
        store.get(key, lambda key=key: key)
    store.get("c", lambda: "c")
    assert [store.get(key, lambda: "new") for key in "bca"] == ["b", "c", "new"]
    with pytest.raises(ZeroDivisionError):
        store.get("d", lambda: 1 / 0)
    assert store.get("d", lambda: "made") == "made"


def test_dataclasses_are_compared_by_their_fields():
    made = []

    @kept(most=10)
    def label(scoring):
        made.append(scoring)
        return scoring.label

    for scoring in (*KNOWN.values(), Scoring(**vars(next(iter(KNOWN.values()))))):
        assert label(scoring) == scoring.label
    assert len(made) == len(KNOWN)


def test_what_many_ask_for_at_once_is_made_once():
    store, made, together = Store(2), [], threading.Barrier(8)

    def ask(_):
        together.wait(10)
        return store.get("a", lambda: made.append(time.sleep(0.1)) or len(made))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [1] * 8
