"""What the bundled lessons say, held against the metrics of the bundled runs that decide it."""

import dataclasses
from pathlib import Path
from urllib.parse import urlencode

import pytest

from vicreg.lessons import PICTURES, bundled, filled, read, runs_by_title, value_of

RUNS = runs_by_title()
LESSONS = {name: read(file, runs=RUNS) for name, file in bundled().items()}
STEPS = {step.key: step for lesson in LESSONS.values() for step in lesson.steps}
TOPICS = {  # what a lesson must cover
    "collapse",
    "covariance-off",
    "d-by-d",
    "lower-total",
    "expander",
    "t-sne",
    "auroc",
    "farthest",
    "eigenmaps",
    "clusters",
}


def figures(key: str) -> dict[str, float]:
    """The figures of a step by name."""
    return {figure.name: value_of(figure, RUNS) for figure in STEPS[key].figures}


def metrics(title: str) -> dict:
    return RUNS[title].metrics


@pytest.mark.parametrize(("name", "minutes"), [("20-minutes", 20), ("45-minutes", 45)])
def test_a_lesson_covers_every_topic_in_the_time_that_its_name_says(name, minutes):
    keys = {step.key for step in LESSONS[name].steps}
    assert keys >= TOPICS
    assert keys & {"invariance", "lab-invariance"}
    assert LESSONS[name].minutes == minutes


def test_a_question_that_both_lessons_ask_has_the_same_text_in_both():
    short = {step.key: step for step in LESSONS["20-minutes"].steps}
    for step in LESSONS["45-minutes"].steps:
        if step.key in short:
            assert dataclasses.replace(step, minutes=short[step.key].minutes) == short[step.key]


def test_the_right_answer_is_not_always_at_the_same_place():
    for lesson in LESSONS.values():
        places = [step.answer for step in lesson.steps]
        assert max(places.count(place) for place in range(4)) <= len(places) / 2


def test_no_digit_of_a_measured_number_is_typed_in_a_lesson():
    """Numbers in what is said come from figures; what else has digits is part of a name or of the setting."""
    names = {"CIFAR-10", "8,192", "2,048", "50th-nearest", "2023"}
    for step in STEPS.values():
        texts = (step.because, step.notes, step.question, *(choice.because for choice in step.choices))
        for text in texts:
            words = [word.strip(".,:;()") for word in text.split() if "{" not in word]
            assert not [
                w for w in words if any(c.isdigit() for c in w) and w not in names | {"0", "1", "2", "0.5", "48"}
            ]


def test_only_the_variance_term_reads_high_in_the_collapsed_run():
    f = figures("collapse")
    assert f["reads"] > 0.9 > 0.5 > f["healthy"]
    assert max(f["agree"], f["covary"]) < 0.001
    assert f["widest"] < 0.1


def test_the_lower_total_has_the_worse_probe():
    f = figures("lower-total")
    assert f["low"] < f["full"]
    assert f["probe_low"] < f["probe_untrained"] < f["probe_full"]
    assert f["other"] < f["full"]  # equal weights, lower total, and a probe that is the same within its interval
    low, high = metrics("coloured-digits/vicreg")["probe"]["interval"]
    assert low <= f["probe_other"] <= high


def test_without_covariance_the_singular_values_show_it_and_neither_std_nor_total_do():
    f = figures("covariance-off")
    assert f["rank"] < 0.05 * f["dimensions"] < f["rank_full"]
    assert f["std"] > 0.9
    assert f["total"] < f["total_full"]
    assert f["reads"] > 10 * f["reads_full"]
    assert f["rank_y"] > 50


def test_a_d_by_d_matrix_is_the_larger_one():
    assert figures("d-by-d")["numbers"] > figures("d-by-d")["batch"]


def test_y_reads_more_than_z_on_both_data_sets_and_has_more_numbers():
    f = figures("expander")
    assert f["y"] > f["z"]
    assert f["y_cifar"] > f["z_cifar"]
    for title in ("coloured-digits/vicreg", "cifar10/vicreg"):
        spaces = metrics(title)["spaces"]
        assert spaces["y"]["dimensions"] > spaces["z"]["dimensions"]
        assert spaces["z"]["probe"]["interval"][1] < spaces["y"]["probe"]["interval"][0]


def test_tsne_keeps_most_near_neighbours_and_a_collapse_does_not_lower_that():
    f = figures("t-sne")
    assert min(f["first"], f["second"]) > f["k"] / 2 > f["pca"]
    assert f["collapsed"] > f["first"]


def test_the_collapsed_run_has_the_higher_auroc_and_the_worse_probe_and_the_other_score_turns_the_order():
    f = figures("auroc")
    assert f["high"] > f["low"]
    assert f["probe_high"] < f["probe_low"]
    assert f["high_study"] < f["low_study"]
    assert f["untrained"] > 0.99
    assert 0.5 < f["left_out"] < 0.8


def test_the_farthest_repeat_and_they_are_of_several_classes():
    f = figures("farthest")
    assert f["share"] > 50 > f["cosine"] > 10 * f["chance"]
    assert f["nearest"] < 10 * f["chance"]
    run = RUNS["cifar10/vicreg"]
    labels = run.results("fingerprints")["label"]
    hubs = run.metrics["retrieval"]["hubness"]["euclidean"]["hubs"]
    assert f["classes"] == hubs[0]["classes"] == 10
    assert len({labels[hub["index"]] for hub in hubs}) > 3
    digits = RUNS["coloured-digits/vicreg"]
    ones = digits.results("fingerprints")["label"]
    assert {ones[hub["index"]] for hub in digits.metrics["retrieval"]["hubness"]["euclidean"]["hubs"]} == {1}


def test_an_encoder_is_faster_than_the_rule_and_the_rule_than_fitting_again():
    f = figures("eigenmaps")
    assert 10 * f["encoder"] < f["rule"] < f["fit"] / 10
    assert f["probe"] < f["pixels"]


def test_the_tightest_clusters_are_the_collapsed_runs_and_say_little():
    f = figures("clusters")
    others = [run.metrics["clusters"] for title, run in RUNS.items() if title.startswith("cifar10/")]
    assert f["tight"] == max(one["silhouette"] for one in others)
    assert f["full_nmi"] > 3 * f["tight_nmi"]


def test_without_invariance_neighbours_share_the_colour_and_with_it_the_digit():
    f = figures("lab-invariance")
    assert f["ink_without"] > 90 > 50 > f["digit_without"]
    assert f["digit"] > 80 > 2 * f["chance"] > f["ink"]


def test_without_invariance_z_spreads_but_over_the_colours_and_views_are_as_far_apart_as_unrelated_numbers():
    f = figures("invariance")
    assert f["std"] > 0.9
    assert f["dimensions"] > f["rank"] > 1.3 * f["rank_full"]
    assert f["ink_without"] > 90 > 50 > f["digit_without"]
    assert f["digit"] > 80 > 50 > f["ink"]
    assert f["apart"] == pytest.approx(2, abs=0.2)
    assert f["together"] < 0.1 * f["apart"]
    assert f["probe"] < f["probe_untrained"] < f["probe_full"]


def test_numbers_stand_in_texts_with_the_decimals_that_a_figure_asks_for():
    step = STEPS["lower-total"]
    said = filled("{low} and {full} %", step.figures, lambda figure: {"low": 0.0021, "full": 1234.56}[figure.name])
    assert said == "0.002 and 1,234.6\N{NO-BREAK SPACE}%"


def test_the_docs_name_every_step_with_its_misconception_and_every_picture_and_key():
    text = (Path(__file__).parents[2] / "docs" / "lecturers.md").read_text("utf-8")
    for step in STEPS.values():
        query = f"?{urlencode(step.link.state, safe='/')}" if step.link.state else ""
        said = f"| {step.misconception} | `{step.picture.name}` | `{step.link.page}{query}` |"
        assert [line for line in text.splitlines() if line.startswith(f"| `{step.key}` |") and said in line], step.key
    for name, kind in PICTURES.items():
        assert f"| `{name}` | {kind.shows} |" in text
    example = text.split("```toml\n")[1].split("```")[0]
    assert read(f'title = "A"\nsummary = "B"\n{example}'.encode(), runs=RUNS).steps
