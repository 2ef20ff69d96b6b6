"""What pages say of the seeds."""

import pytest

from ui.seed_words import seeds_frame, seeds_sentence
from vicreg.runs import seeds
from vicreg.runs.folder import open_run
from vicreg.storage.paths import BUNDLED

pytestmark = pytest.mark.usefixtures("page_world")


def run(name: str):
    return open_run(BUNDLED / name)


def test_a_difference_beyond_the_seeds_is_called_one_and_others_are_not():
    full, without = run("coloured-digits-vicreg"), run("coloured-digits-no-variance")
    told = seeds_sentence(full, without, "probe", says="The probe reads")
    over = seeds.spread(full.metrics, "probe")
    assert f"{over.least:.1f} to {over.most:.1f} % over 3 seeds of `coloured-digits/vicreg, 12 epochs`" in told
    apart = full.metrics["probe"]["accuracy"] - without.metrics["probe"]["accuracy"]
    assert f"The difference of {apart:.1f} points is larger than the spread over seeds." in told
    near = seeds_sentence(full, run("coloured-digits-neighbour-views"), "probe", says="The probe reads")
    assert "within the spread over seeds" in near
    assert "**not a finding**" in near


def test_runs_of_one_seed_say_so():
    told = seeds_sentence(run("cifar10-vicreg"), run("cifar10-no-variance"), "probe", says="The probe reads")
    assert (
        told == "**Seeds.** Each run was trained once: how much another seed would change these figures is not known."
    )


@pytest.mark.parametrize(
    ("first", "second", "who"),
    [
        ("cifar10-vicreg", "cifar10-untrained", "Each run was measured with one seed"),
        ("cifar10-vicreg", "cifar10-pixels", "`cifar10/vicreg, 16 epochs` was trained once"),
        ("cifar10-pixels", "cifar10-untrained", "`cifar10/untrained, not trained` was measured with one seed"),
    ],
)
def test_only_runs_that_were_trained_are_said_to_be(first, second, who):
    assert f"**Seeds.** {who}: " in seeds_sentence(run(first), run(second), "probe", says="The probe reads")


def test_what_has_no_seed_has_no_sentence_about_it():
    assert seeds_sentence(run("cifar10-pixels"), run("cifar10-laplacian"), "probe", says="The probe reads") == ""


def test_a_chart_gets_the_other_seeds_and_not_the_runs_own():
    full = run("coloured-digits-vicreg")
    frame = seeds_frame({"full": full}, {"digit": "probe", "ink": "ink"})
    kept = [seed["figures"]["probe"] for seed in full.metrics["seeds"]["others"]]
    assert len(kept) == 2
    assert frame[frame["what"] == "digit"]["accuracy"].tolist() == kept
    assert full.metrics["probe"]["accuracy"] not in frame["accuracy"].tolist()
