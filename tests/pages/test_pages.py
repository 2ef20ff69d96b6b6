"""Every page under AppTest: opened cold, with pictures and without, and what its controls change."""

import base64
import re
import shutil
import urllib.parse
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from opened import component, opened, read, specs, text
from sklearn.metrics import roc_auc_score
from streamlit.testing.v1 import AppTest

import ui
from ui.anomaly_words import lesson_of
from ui.run_picker import NONE
from vicreg.presets import PRESETS
from vicreg.runs.folder import open_run, update_run
from vicreg.storage import paths

pytestmark = pytest.mark.usefixtures("page_world")
ROOT = Path(__file__).parents[2]
# train, lab, digit_or_colour and lesson have tests of their own
NAMES = [
    name
    for entries in ui.PAGES.values()
    for name, *_ in entries
    if name not in ("train", "lab", "digit_or_colour", "lesson")
]
NEED_PICTURES = [name for name in NAMES if name not in ("training_curves", "ablations", "claims")]
COMPARING = [
    name for name in NAMES if name not in ("ablations", "claims", "training_curves")
]  # these compare by themselves
RUN = open_run(paths.BUNDLED / "cifar10-vicreg")
OTHER = open_run(paths.BUNDLED / "cifar10-no-variance")


@pytest.mark.parametrize("name", NAMES)
def test_without_pictures_a_page_opens_cold_asks_or_answers_and_says_what_is_missing_in_a_visitors_words(
    name, without_pictures
):
    app = read(name)
    assert not app.warning
    if name == "anomalies":  # its title is what its figures show
        assert app.title[0].value == lesson_of("cifar10")[0]
    else:
        assert app.title[0].value.endswith("?")
    if name in NEED_PICTURES:
        (told,) = [info.value for info in app.info]
        assert "test pictures are not on this machine" in told
        assert not {"VICREG", "HF_HUB"} & set(re.findall("VICREG|HF_HUB", told))
    assert not [button.label for button in app.button if button.label.startswith(("Download", "Retry"))]  # offline


@pytest.mark.parametrize("name", NAMES)
def test_with_pictures_a_page_opens_cold_its_charts_have_a_text_and_its_figures_their_run(name, with_pictures):
    app = read(name)
    assert not app.warning
    assert not app.info
    for chart in app.get("vega_lite_chart"):
        assert chart.proto.alt
    assert RUN.title in "\n".join(str(m.value) for m in app.markdown) + "\n".join(str(c.value) for c in app.caption)


def test_without_any_run_a_page_says_how_to_make_one(without_pictures, monkeypatch, tmp_path):
    monkeypatch.setattr("vicreg.storage.paths.BUNDLED", tmp_path)
    for name in NAMES:
        app = opened(name)
        assert not app.exception
        assert "python -m vicreg train" in text(app)


def test_a_run_with_a_damaged_table_says_which_file(without_pictures, monkeypatch, tmp_path):
    shutil.copytree(RUN.folder, tmp_path / RUN.name)
    (tmp_path / RUN.name / "results" / "projections.parquet").write_bytes(b"half")
    monkeypatch.setattr("vicreg.storage.paths.BUNDLED", tmp_path)
    app = opened("maps")
    assert "results/projections.parquet is damaged" in app.warning[0].value


def test_the_page_of_a_deep_link_with_an_unusable_parameter_opens_on_a_new_server(without_pictures):
    app = AppTest.from_file(
        str(ROOT / "pages" / "claims.py"), default_timeout=120
    )  # as a new server runs it, without app.py
    app.query_params["cluster"] = ""
    app.run()
    assert not app.exception
    assert app.title[0].value == "Do the study's findings hold here?"


def test_an_unknown_run_in_the_url_falls_back(without_pictures):
    app = opened("maps", run="../../etc/passwd")
    assert app.selectbox(key="run").value == RUN.title


def test_training_curves_show_four_panels_of_both_splits(without_pictures):
    app = read("training_curves")
    panels = [panel for row in specs(app)[0]["vconcat"] for panel in row["hconcat"]]
    titles = [panel["title"].split()[0] for panel in panels]
    assert titles == ["total", "variance", "invariance", "covariance"]
    last = RUN.history[RUN.history["split"] == "test"].iloc[-1]
    assert f"on test pictures: {last['total']:.2f} =" in text(app)


def test_the_log_switch_changes_the_scale(without_pictures):
    def scales(app: AppTest) -> set[str | None]:
        panels = [panel for row in specs(app)[0]["vconcat"] for panel in row["hconcat"]]
        found = [panel["encoding"]["y"]["scale"] for panel in panels]
        return {scale.get("type", "from zero" if scale.get("zero") else "from anywhere") for scale in found}

    assert scales(read("training_curves")) == {"from zero"}
    assert scales(opened("training_curves", log="true")) == {"log"}


def test_the_film_opens_on_the_collapse_beside_the_full_method(without_pictures):
    app = opened("training_curves", data=None)
    names = [panel["title"].split(",")[0] for panel in component(app, "film_maps")["panels"]]
    assert names == ["coloured-digits/vicreg", "coloured-digits/no-variance"]
    assert component(app, "player")["clock"] == [0, 3, 6, 9, 12]
    assert app.segmented_control(key="film").value == "embedding z"


def test_maps_show_tsne_beside_pca_and_offer_the_eigenmap(without_pictures):
    app = read("maps")
    assert [panel["title"] for panel in component(app, "maps")["panels"]] == ["t-SNE", "PCA"]
    assert component(app, "maps")["atlas"] is None
    assert "Laplacian Eigenmaps of pixels" in app.selectbox(key="beside").options
    app = opened("maps", beside="Laplacian Eigenmaps of pixels", everything="true")
    assert component(app, "maps")["count"] == 10_000
    assert "True neighbours are a picture's 10 nearest in representation space among 10,000 pictures." in text(app)
    assert "15 nearest in representation space among 2,000 pictures" in text(read("maps"))
    assert len(component(app, "maps")["panels"]) == 2


def test_new_pictures_lie_on_the_eigenmap_where_the_rule_and_a_new_fit_put_them_joined_by_a_line(without_pictures):
    shown = component(read("maps"), "placements")
    table = open_run(paths.BUNDLED / "cifar10-laplacian").results("placements")
    numbers = np.frombuffer(base64.b64decode(shown["numbers"]), "<u4")
    (panel,) = shown["panels"]
    steps = np.frombuffer(base64.b64decode(panel["xy"]), "<u2").reshape(-1, 2).astype(int)
    rule, fitted = np.transpose(panel["joined"])
    assert numbers[rule].tolist() == numbers[fitted].tolist() == table["index"].tolist()
    moved = table[["fitted_x", "fitted_y"]].to_numpy() - table[["rule_x", "rule_y"]].to_numpy()
    found = steps[fitted] - steps[rule]
    np.testing.assert_allclose(found, moved * (np.linalg.norm(found) / np.linalg.norm(moved)), atol=2)


def test_retrieval_shows_the_runs_neighbours_of_the_query_under_the_distance_and_never_the_query(with_pictures):
    app = opened("retrieval", query="5")
    table = RUN.results("neighbours")
    wanted = table[(table["metric"] == "cosine") & (table["query"] == 5)].head(8)
    for side, column in (("Nearest", "nearest"), ("Farthest", "farthest")):
        shown = [tile["id"] for tile in component(app, side)["tiles"]]
        assert shown == wanted[column].tolist()
        assert 5 not in shown
    app.number_input(key="query").set_value(6)
    app.segmented_control(key="metric").set_value("euclidean").run()
    table = RUN.results("neighbours")
    wanted = table[(table["metric"] == "euclidean") & (table["query"] == 6)].head(8)
    assert [tile["id"] for tile in component(app, "Nearest")["tiles"]] == wanted["nearest"].tolist()


def test_start_draws_other_views_at_a_click(with_pictures):
    app = opened("start")
    before = component(app, "diagram")["svg"]
    app.button[0].click().run()
    assert not app.exception
    after = component(app, "diagram")["svg"]
    assert before != after
    assert before.count("<image ") == after.count("<image ") == 3


def test_start_draws_views_of_a_sample_photograph_without_pictures(without_pictures):
    app = read("start")
    assert component(app, "diagram")["svg"].count("data:image/png;base64,") == 3
    assert "scikit-learn" in text(app)


@pytest.mark.parametrize("name", COMPARING)
def test_every_page_compares_with_a_second_run(name, with_pictures):
    app = read(name, run=RUN.title, second=OTHER.title)
    assert not app.warning
    assert app.selectbox(key="second").value == OTHER.title
    drawn = text(app) + "".join(chart.proto.alt + chart.proto.spec for chart in app.get("vega_lite_chart"))
    assert ui.title(RUN) in drawn
    assert ui.title(OTHER) in drawn


def test_a_run_never_compares_with_itself(without_pictures):
    app = opened("maps", run=OTHER.title)
    assert OTHER.title not in app.selectbox(key="second").options
    assert RUN.title in app.selectbox(key="second").options


def test_a_run_measured_on_another_copy_is_not_compared_and_the_help_says_so(without_pictures, monkeypatch, tmp_path):
    shutil.copytree(RUN.folder, tmp_path / RUN.name)
    shutil.copytree(OTHER.folder, tmp_path / OTHER.name)
    update_run(open_run(tmp_path / OTHER.name), {"results/fingerprints.parquet": b"of other pictures"})
    monkeypatch.setattr("vicreg.storage.paths.BUNDLED", tmp_path)
    app = opened("maps", run=RUN.title)
    assert app.selectbox(key="second").options == [NONE]
    assert "1 more were measured on another copy" in app.selectbox(key="second").help


def test_a_run_kept_from_another_page_falls_back_where_the_page_cannot_show_it(with_pictures):
    app = opened("maps", data=None)
    app.selectbox(key="run").set_value("coloured-digits/pixels").run()
    app.switch_page("pages/training_curves.py").run()
    assert not app.exception
    assert app.selectbox(key="run").value == "coloured-digits/vicreg"


def test_compared_curves_hold_both_runs_in_every_panel(without_pictures):
    app = opened("training_curves", **{"with": OTHER.title})
    panels = [panel for row in specs(app)[0]["vconcat"] for panel in row["hconcat"]]
    assert len(panels) == 4
    for panel in panels:
        assert panel["encoding"]["color"]["scale"]["domain"] == [ui.title(RUN), ui.title(OTHER)]


def test_compared_maps_lie_side_by_side_on_the_same_pictures(with_pictures):
    app = read("maps", run=RUN.title, second=OTHER.title)
    panels = component(app, "maps")["panels"]
    assert all(ui.title(run) in component(app, "maps")["alt"] for run in (RUN, OTHER))
    assert [panel["title"] for panel in panels] == [f"t-SNE, {ui.title(RUN)}", f"t-SNE, {ui.title(OTHER)}"]
    assert panels[0]["xy"] != panels[1]["xy"]


def test_retrieval_shows_the_second_runs_neighbours_of_the_same_query(with_pictures):
    app = read("retrieval", run=RUN.title, second=OTHER.title)
    table = OTHER.results("neighbours")
    wanted = table[(table["metric"] == "cosine") & (table["query"] == app.number_input(key="query").value)].head(8)
    assert [tile["id"] for tile in component(app, "Nearest_second")["tiles"]] == wanted["nearest"].tolist()
    assert text(app).count("(hubs, shown below)") == 1
    assert f"**Hubs** of `{ui.title(RUN)}`" in text(app)


@pytest.mark.parametrize("page", ["probe", "retrieval"])
def test_what_a_chart_of_classes_says_names_the_run_of_every_figure(page, with_pictures):
    app = read(page, run=RUN.title, second=OTHER.title)
    section = "probe" if page == "probe" else "retrieval"
    (alt,) = [
        chart.proto.alt for chart in app.get("vega_lite_chart") if f"{ui.title(RUN)}: airplane" in chart.proto.alt
    ]
    told = dict(part.split(": ") for part in alt.partition(". ")[2].split("; "))
    for run in (RUN, OTHER):
        shares = run.metrics[section]["per_class"]
        assert told[ui.title(run)] == ", ".join(f"{name} {value:.2f} %" for name, value in shares.items())


def test_retrieval_says_how_often_the_farthest_repeat(with_pictures):
    app = opened("retrieval", metric="euclidean")
    hubness = RUN.metrics["retrieval"]["hubness"]
    figures = hubness["euclidean"]
    assert f"Ten of them (hubs, shown below) fill {figures['farthest']:.2f} %" in text(app)
    assert f"by direction alone (cosine), the share is {hubness['cosine']['farthest']:.2f} %" in text(app)
    other = text(opened("retrieval", metric="euclidean", run="cifar10/no-invariance"))  # whose share rises by cosine
    assert "Ten of them (hubs, shown below) fill" in other
    assert "They lie far out" not in other
    assert [tile["id"] for tile in component(app, "hubs")["tiles"]] == [hub["index"] for hub in figures["hubs"]]


def test_pixels_and_the_eigenmap_are_searched_in_the_test_gallery_only(with_pictures):
    app = opened("retrieval", run="cifar10/pixels", gallery="train")
    assert "only the test gallery" in app.info[0].value


def test_the_probe_page_shows_every_run_with_the_studys_figures(without_pictures):
    app = read("probe")
    alt = app.get("vega_lite_chart")[0].proto.alt
    for name in ("cifar10-vicreg", "cifar10-no-variance", "cifar10-untrained"):
        run = open_run(paths.BUNDLED / name)
        assert f"{ui.title(run)} {run.metrics['probe']['accuracy']:.2f} %" in alt


def test_the_most_wrong_pictures_are_errors_in_rising_order_of_the_true_class(with_pictures):
    app = read("probe")
    table = RUN.results("predictions")
    wrong = table[table["label"] != table["predicted"]].sort_values("probability")
    alts = [tile["alt"] for tile in component(app, "wrong")["tiles"]]
    assert [int(alt.split(":")[0].removeprefix("test picture ")) for alt in alts] == wrong["index"].head(24).tolist()


def test_the_named_scores_show_the_measured_auroc_and_others_are_computed_from_the_scores(without_pictures):
    measured, table = RUN.metrics["anomaly"], RUN.results("anomaly")
    own = {"scoring": "custom", "k": "50", "reduction": "kth", "normalise": "true"}  # which is the field's
    for query, auroc in (
        ({"scoring": "study"}, measured["study"]["auroc"]),
        ({"scoring": "field"}, measured["field"]["auroc"]),
        (own, measured["field"]["auroc"]),
        (
            {"scoring": "own choice", "k": "10"},  # the earlier name, in links that were shared
            roc_auc_score(table["anomaly"], table["mean_10"]),
        ),
    ):
        assert f"**AUROC {auroc:.3f}**" in text(opened("anomalies", **query))


def test_the_threshold_moves_what_is_raised_and_the_pictures_beside_it(with_pictures):
    app = opened("anomalies", raised="30", second=OTHER.title)
    for run in (RUN, OTHER):  # the same share of normal pictures under each run, another share of anomalies
        table = run.results("anomaly")
        above = table["mean_2"] > table[~table["anomaly"]]["mean_2"].quantile(0.7)
        caught = 100 * above[table["anomaly"]].mean()
        assert (
            f"**{100 * above[~table['anomaly']].mean():.2f} %** of the normal pictures and **{caught:.2f} %**"
            in text(app)
        )
    threshold = float(RUN.results("anomaly").query("~anomaly")["mean_2"].quantile(0.7))
    below = [float(tile["alt"].rsplit(" ", 1)[1]) for tile in component(app, "side_Below")["tiles"]]
    above = [float(tile["alt"].rsplit(" ", 1)[1]) for tile in component(app, "side_Above")["tiles"]]
    assert below == sorted(below)
    assert above == sorted(above)
    assert below[-1] - 0.01 <= threshold <= above[0] + 0.01


def test_a_cluster_lists_its_pictures_nearest_to_the_centre_first(with_pictures):
    app = opened("clusters")
    next(box for box in app.selectbox if box.key.startswith("cluster")).set_value(4).run()
    table = RUN.results("clusters")
    members = table[table["cluster"] == 4].sort_values("distance", kind="stable")
    shown = [int(tile["alt"].rsplit(" ", 1)[1]) for tile in component(app, "members")["tiles"]]
    assert shown == members["index"].head(40).tolist()
    assert f"{len(members):,} pictures" in text(app)


def test_the_ablations_page_opens_with_a_collapse_beside_the_full_method(without_pictures):
    app = read("ablations")
    assert [header.value for header in app.header] == ["Complete collapse", "Healthy"]
    assert ui.title(OTHER) in text(app)
    assert "14.66 %" in text(app)


@pytest.mark.parametrize(
    ("setting", "verdict"),
    [
        ("no invariance", "Spread, but worse than untrained"),
        ("no covariance", "Dimensional collapse"),
        ("neighbours instead of views", "Healthy"),
        ("nearest images as positives", "Healthy"),  # its earlier name, in links that were shared
    ],
)
def test_every_setting_is_a_trained_run_with_its_verdict(setting, verdict, without_pictures):
    app = opened("ablations", setting=setting, compared="cifar10/untrained")
    assert not app.info
    assert [header.value for header in app.header] == [verdict, "Not trained"]


def test_maps_and_ablations_keep_what_is_compared_apart_and_an_old_link_still_works(without_pictures):
    app = opened("ablations", beside="cifar10/untrained")  # as links were until the two pages had keys of their own
    assert app.selectbox(key="compared").value == "cifar10/untrained"
    app.selectbox(key="compared").set_value("cifar10/no-covariance").run()
    app.switch_page("pages/maps.py").run()
    app.selectbox(key="beside").set_value("none").run()
    app.switch_page("pages/ablations.py").run()
    assert not app.exception
    assert app.selectbox(key="compared").value == "cifar10/no-covariance"


def test_the_table_of_runs_has_the_studys_figures_and_every_budget(without_pictures):
    app = read("ablations")
    table = app.dataframe[0].value.set_index("Run")
    assert table.loc["cifar10/no-variance", "The study's, %"] == 14.66
    assert table.loc["cifar10/neighbour-views", "The study's, %"] == 50.1
    assert table.loc["cifar10/vicreg", "The study's, %"] == 62.68
    presets = [f"cifar10/{name}" for name in PRESETS]
    assert len(set(table.loc[presets, "Budget"])) == 1
    assert table.loc["cifar10/untrained", "Budget"] == "not trained"


def judged() -> list:
    """Every claim with its finding on the bundled runs."""
    from vicreg.claims import findings

    runs = [open_run(folder) for folder in sorted(paths.BUNDLED.glob("cifar10-*"))]
    return findings({run.name.removeprefix("cifar10-"): run.metrics for run in runs})


def test_every_claim_stands_on_the_page_under_its_verdict(without_pictures):
    app = opened("claims")
    page = text(app)
    for number, (claim, finding) in enumerate(judged(), start=1):
        assert f"**{number}. {claim.words}**" in page
        assert finding.ours in page
        drawing = component(app, f"finding_{number:02}")["svg"]
        assert all(f">{figure.text}</text>" in drawing for figure in finding.picture.figures)
    counts = Counter(finding.verdict for _, finding in judged())
    headings = " ".join(heading.value for heading in app.subheader)
    assert all(f" {count} " in headings for count in counts.values())
    assert "cannot be judged yet" not in page


COUNTED = {"Same anomalies", "Anomalies alike"}  # the page shows the lists that these were counted from


def test_a_claims_link_opens_the_state_that_shows_the_same_figures(without_pictures):
    cards = r"\*\*\d+\. ([^*]+)\*\*.*?\[See it[^]]*\]\((\w+)\?([^)]+)\)"
    places = {words: place for words, *place in re.findall(cards, text(read("claims")), re.DOTALL)}
    pages = {}
    for page, query in places.values():
        if (page, query) not in pages:
            pages[page, query] = app = opened(page, **dict(urllib.parse.parse_qsl(query)))
            assert not app.exception
    for claim, finding in judged():
        app = pages[tuple(places[claim.words])]
        seen = text(app) + "".join(chart.proto.alt for chart in app.get("vega_lite_chart"))
        for figure in finding.picture.figures:
            assert figure.text in seen or claim.name in COUNTED, (claim.name, figure)


def test_start_adds_the_weighted_terms_to_the_total_of_the_curves(without_pictures):
    page = text(opened("start", data="coloured-digits"))
    run = open_run(paths.BUNDLED / "coloured-digits-vicreg")
    last = run.history[run.history["split"] == "test"].iloc[-1]
    parts = {
        term: (getattr(run.config, f"{term}_weight"), last[term]) for term in ("invariance", "variance", "covariance")
    }
    assert sum(weight * value for weight, value in parts.values()) == pytest.approx(last["total"], rel=1e-4)
    for weight, value in parts.values():
        assert f"{weight:g} · {value:.3g} (" in page
    assert f"= **{last['total']:.2f}**" in page
    assert f"{last['total']:.2f} = " in text(opened("training_curves", data="coloured-digits"))


@pytest.mark.parametrize(("preset", "study"), [("no-variance", "14.66"), ("no-covariance", None), ("vicreg", "62.68")])
def test_start_quotes_the_study_for_its_own_settings_only(preset, study, without_pictures):
    page = text(opened("start", run=f"cifar10/{preset}"))
    assert re.findall(r"reports ([\d.]+) %", page) == ([study] if study else [])


def test_the_eigenmap_is_held_against_a_network_and_not_against_itself(without_pictures):
    accuracy = open_run(paths.BUNDLED / "cifar10-vicreg").metrics["probe"]["accuracy"]
    said = text(opened("maps", run="cifar10/laplacian"))
    assert f"against {accuracy:.2f} % on `cifar10/vicreg, " in said


def test_digit_or_colour_opens_on_a_picture_whose_neighbours_share_one_or_the_other(without_pictures):
    app = opened("digit_or_colour")
    shared = dict(re.findall(r"\*\*(After[^*]*|The same[^*]*)\*\*: the digit in (\d)", text(app)))
    assert list(shared) == ["After training with VICReg", "The same network, untrained"]
    after, before = map(int, shared.values())
    assert after > 6  # of 8
    assert before < 3
    for name in ("vicreg", "untrained"):
        run = open_run(paths.BUNDLED / f"coloured-digits-{name}")
        assert len(component(app, f"nearest_{name}")["tiles"]) == 8
        assert f"{run.metrics['attributes']['ink']['accuracy']:.2f} %" in app.get("vega_lite_chart")[1].proto.alt


def test_a_cluster_is_called_by_a_class_only_with_a_majority_of_it(with_pictures):
    app = read("clusters", run=RUN.title, second=OTHER.title)
    table = RUN.results("clusters")
    names = next(box for box in app.selectbox if box.key.startswith("cluster_")).options
    for number, name in enumerate(names):
        shares = table[table["cluster"] == number]["label"].value_counts(normalize=True)
        label, share = shares.index[0], shares.iloc[0]
        called = f": {ui.class_names(RUN)[label]}, {100 * share:.0f} %" if share > 0.5 else ""
        assert name == f"Cluster #{number}{called}"
    other = component(app, "cluster_maps_second")["colourings"][-1]["names"]
    sizes = OTHER.results("clusters")["cluster"].value_counts().to_dict()
    few = {name for number, name in enumerate(other) if ":" in name and sizes[number] < 100}
    assert few  # after the collapse, a class has all of a cluster of one picture
    assert all(name.endswith(f"% of {sizes[other.index(name)]}") for name in few)


def test_clusters_open_beside_the_tightest_which_say_little_of_the_classes(without_pictures):
    app = read("clusters")
    assert OTHER.metrics["clusters"]["silhouette"] > 0.5
    assert OTHER.metrics["clusters"]["nmi"] < 0.1
    assert f"{ui.title(OTHER)} 0.56 and 0.08" in app.get("vega_lite_chart")[0].proto.alt
    assert f"**{ui.title(OTHER)}**, the run with the tightest clusters" in text(app)


def test_without_mnist_its_digits_are_offered_and_the_roc_stays(with_pictures, monkeypatch):
    from vicreg.data import loading

    available = loading.available
    monkeypatch.setattr(loading, "available", lambda name, split: name != "mnist" and available(name, split))
    app = opened("anomalies")
    assert "MNIST's test pictures are not on this machine" in app.info[0].value
    assert f"**AUROC {RUN.metrics['anomaly']['study']['auroc']:.3f}**" in text(app)
    assert not any("digit" in tile["alt"] for tile in component(app, "side_Above")["tiles"])


def test_digits_in_another_order_are_not_shown_under_the_wrong_scores(with_pictures, monkeypatch):
    import dataclasses

    from vicreg.data import loading

    load = loading.load

    def shuffled(name, split, **options):
        found = load(name, split, **options)
        return dataclasses.replace(found, labels=found.labels[::-1]) if name == "mnist" else found

    monkeypatch.setattr(loading, "load", shuffled)
    app = opened("anomalies")
    assert "does not hold the pictures that the run was measured on" in app.warning[0].value


@pytest.fixture(scope="module")
def unmeasured(tmp_path_factory):
    """A folder with both runs, of which one was not measured yet."""
    folder = tmp_path_factory.mktemp("unmeasured")
    for run in (RUN, OTHER):
        shutil.copytree(run.folder, folder / run.name)
    missing = ["metrics.json", *(f"results/{table}.parquet" for table in ("anomaly", "roc", "clusters", "predictions"))]
    update_run(open_run(folder / OTHER.name), {}, without=missing)
    return folder


@pytest.mark.parametrize(
    ("name", "position"), [*((name, "run") for name in NAMES), *((name, "second") for name in COMPARING)]
)
def test_a_run_that_was_not_measured_yet_leaves_every_page_whole(
    name, position, without_pictures, monkeypatch, unmeasured
):
    monkeypatch.setattr("vicreg.storage.paths.BUNDLED", unmeasured)
    query = {position: OTHER.title} if name in COMPARING else {}
    app = opened(name, **query)
    if name in ("probe", "anomalies", "clusters"):
        assert any(f"python -m vicreg evaluate {OTHER.name}" in info.value for info in app.info)


def test_a_link_opens_the_cell_that_was_clicked_and_no_cell_that_is_not_there(with_pictures):
    app = opened("probe", cell="3-5")
    table = RUN.results("predictions")
    count = int(((table["label"] == 3) & (table["predicted"] == 5)).sum())
    assert f"cat predicted as dog: {count} pictures" in text(app)
    assert all(": cat, predicted as dog" in tile["alt"] for tile in component(app, "wrong")["tiles"])
    for bad in ("3-10", "x", "3-5-7", "999999-1"):
        assert "Worst errors" in text(opened("probe", cell=bad))


def test_a_link_opens_a_cluster(without_pictures):
    app = opened("clusters", cluster="4")
    assert next(box for box in app.selectbox if box.label == "Cluster").value == 4
    assert app.query_params["cluster"] in ("4", ["4"])
