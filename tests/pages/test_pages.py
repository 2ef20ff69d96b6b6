"""Every page under AppTest: opened cold, with pictures and without, and what its controls change."""

import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import ui
from vicreg.runs import BUNDLED, open_run

ROOT = Path(__file__).parents[2]
NAMES = [name for entries in ui.PAGES.values() for name, *_ in entries]
NEED_PICTURES = [name for name in NAMES if name != "training_curves"]
RUN = open_run(BUNDLED / "cifar10-vicreg")


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory, monkeypatch):
    """No network, no runs of one's own, and one cache of decoded pictures for the whole session."""
    cache = tmp_path_factory.getbasetemp() / "pages-cache"
    monkeypatch.setenv("VICREG_CACHE", str(cache))
    monkeypatch.setenv("VICREG_RUNS", str(cache / "no-runs"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache / "no-hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    ui.st.cache_resource.clear()
    ui.st.cache_data.clear()


@pytest.fixture
def without_pictures(monkeypatch, tmp_path):
    monkeypatch.delenv("VICREG_DATA", raising=False)
    monkeypatch.setenv("VICREG_CACHE", str(tmp_path / "empty"))


@pytest.fixture
def with_pictures(cifar10_test):
    """Skips where CIFAR-10's test split is not on the machine."""
    return cifar10_test


def opened(name: str, **query: str) -> AppTest:
    """A page opened by a deep link to a server that nobody has visited yet."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for key, value in query.items():
        app.query_params[key] = value
    return app.switch_page(f"pages/{name}.py").run()


def text(app: AppTest) -> str:
    """Everything that is written on the page."""
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.info, app.warning)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def specs(app: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in app.get("vega_lite_chart")]


def component(app: AppTest, key: str) -> dict:
    """What a component of our own, picture tiles or the diagram, is given to show."""
    for element in app.get("bidi_component"):
        if key in element.proto.id:
            return json.loads(element.proto.json)
    raise AssertionError(f"no component {key!r} on the page")


@pytest.mark.parametrize("name", NAMES)
def test_a_page_opens_cold_without_pictures_and_asks_a_question(name, without_pictures):
    app = opened(name)
    assert not app.exception
    assert not app.warning
    assert app.title[0].value.endswith("?")


@pytest.mark.parametrize("name", NEED_PICTURES)
def test_without_pictures_one_line_says_how_to_get_them(name, without_pictures):
    app = opened(name)
    assert len(app.info) == 1
    assert "test pictures are not on this machine" in app.info[0].value
    assert "VICREG_DATA" in app.info[0].value
    assert [button.label for button in app.button if button.label.startswith("Fetch")] == ["Fetch 24 MB"]


def test_fetching_without_a_network_says_so_and_keeps_the_page(without_pictures):
    app = opened("maps")
    next(button for button in app.button if button.label == "Fetch 24 MB").click().run()
    assert not app.exception
    assert len(app.warning) == 1
    assert specs(app)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_opens_cold_with_pictures(name, with_pictures):
    app = opened(name)
    assert not app.exception
    assert not app.warning
    assert not app.info


@pytest.mark.parametrize("name", NAMES)
def test_charts_have_a_text_and_figures_their_run(name, with_pictures):
    app = opened(name)
    for chart in app.get("vega_lite_chart"):
        assert chart.proto.alt
    assert RUN.title in "\n".join(str(m.value) for m in app.markdown) + "\n".join(str(c.value) for c in app.caption)


def test_without_any_run_a_page_says_how_to_make_one(without_pictures, monkeypatch, tmp_path):
    monkeypatch.setattr("vicreg.runs.BUNDLED", tmp_path)
    for name in NAMES:
        app = opened(name)
        assert not app.exception
        assert "python -m vicreg train" in text(app)


def test_a_run_with_a_damaged_table_says_which_file(without_pictures, monkeypatch, tmp_path):
    import shutil

    shutil.copytree(RUN.folder, tmp_path / RUN.name)
    (tmp_path / RUN.name / "results" / "projections.parquet").write_bytes(b"half")
    monkeypatch.setattr("vicreg.runs.BUNDLED", tmp_path)
    app = opened("maps")
    assert not app.exception
    assert "results/projections.parquet is damaged" in app.warning[0].value


def test_an_unknown_run_in_the_url_falls_back(without_pictures):
    app = opened("training_curves", run="../../etc/passwd")
    assert not app.exception
    assert app.selectbox(key="run").value == "cifar10-vicreg"


def test_training_curves_show_four_panels_of_both_splits(without_pictures):
    app = opened("training_curves")
    panels = [panel for row in specs(app)[0]["vconcat"] for panel in row["hconcat"]]
    titles = [panel["title"]["text"].split()[0] for panel in panels]
    assert titles == ["total", "variance", "invariance", "covariance"]
    last = RUN.history[RUN.history["split"] == "test"].iloc[-1]
    assert f"on test pictures: {last['total']:.2f} =" in text(app)


def test_the_log_switch_changes_the_scale(without_pictures):
    def scales(app: AppTest) -> set[str | None]:
        panels = [panel for row in specs(app)[0]["vconcat"] for panel in row["hconcat"]]
        return {panel["layer"][0]["encoding"]["y"]["scale"].get("type") for panel in panels}

    app = opened("training_curves")
    assert scales(app) == {None}
    app.toggle(key="log").set_value(True).run()
    assert scales(app) == {"log"}


def test_the_film_shows_the_chosen_epoch(without_pictures):
    app = opened("training_curves")
    epochs = RUN.results("timeline")["epoch"].unique().tolist()
    app.select_slider(key="epoch").set_value(epochs[1]).run()
    assert not app.exception
    alts = [chart.proto.alt for chart in app.get("vega_lite_chart")]
    assert f"t-SNE of 2,000 test pictures after epoch {epochs[1]}" in alts[-1]


def test_maps_show_pca_beside_tsne_with_linked_brush(without_pictures):
    spec = specs(opened("maps"))[0]
    panels = spec.get("hconcat") or spec["vconcat"]
    assert [panel["title"] for panel in panels] == ["PCA", "t-SNE"]
    brush = next(param for param in spec["params"] if param["name"] == "brush")
    assert len(brush["views"]) == 2
    assert panels[0]["encoding"]["opacity"]["condition"]["test"]["and"][0] == {"param": "brush"}


def test_a_brushed_box_lists_the_pictures_inside(with_pictures):
    places = RUN.results("projections").head(2_000)
    low, high = np.quantile(places["tsne_x"], [0.4, 0.6])
    wanted = places[places["tsne_x"].between(low, high)]
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.session_state["maps"] = {"selection": {"brush": {"tsne_x": [float(low), float(high)]}}}
    app.switch_page("pages/maps.py").run()
    assert not app.exception
    assert f"**{len(wanted):,} pictures chosen**" in text(app)
    assert len(component(app, "chosen")["tiles"]) == 60


def test_retrieval_shows_the_runs_neighbours_and_never_the_query(with_pictures):
    app = opened("retrieval", query="5")
    table = RUN.results("neighbours")
    wanted = table[(table["metric"] == "cosine") & (table["query"] == 5)].head(8)
    for side, column in (("Nearest", "nearest"), ("Farthest", "farthest")):
        shown = [tile["id"] for tile in component(app, side)["tiles"]]
        assert shown == wanted[column].tolist()
        assert 5 not in shown


def test_another_query_and_another_distance_change_the_neighbours(with_pictures):
    app = opened("retrieval", query="5")
    before = [tile["id"] for tile in component(app, "Nearest")["tiles"]]
    app.number_input(key="query").set_value(6).run()
    other = [tile["id"] for tile in component(app, "Nearest")["tiles"]]
    assert before != other
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
    app = opened("start")
    assert component(app, "diagram")["svg"].count("data:image/png;base64,") == 3
    assert "scikit-learn" in text(app)
