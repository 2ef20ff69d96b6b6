"""The report: the same twice, plain JSON, and every figure found again in its table or by its function."""

import json
from dataclasses import asdict
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from conftest import digit_images
from scipy.optimize import linear_sum_assignment
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, pairwise_distances, recall_score
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vicreg.claims import UNKNOWN, findings
from vicreg.evaluation.anomaly_score import KNOWN, STUDY, anomaly_scores, ranking, roc
from vicreg.evaluation.knn import knn_accuracy
from vicreg.evaluation.mean_colour import colour_r2, mean_lab, neighbour_colour_ratio
from vicreg.evaluation.neighbours import nearest_and_farthest
from vicreg.evaluation.projection import map_quality, pca
from vicreg.evaluation.report import SECTIONS, Inputs, Report, evaluate
from vicreg.evaluation.report_sections.anomaly import anomaly
from vicreg.evaluation.report_sections.attributes import attributes_of
from vicreg.evaluation.report_sections.retrieval import retrieval
from vicreg.evaluation.spectrum import spectrum
from vicreg.runs.result_tables import TABLES
from vicreg.storage.files import frame_bytes

TRAIN_IMAGES, TRAIN_LABELS = digit_images(300)
TEST_IMAGES, TEST_LABELS = digit_images(120, 1000)
ANOMALY_IMAGES = digit_images(60, 1300)[0][:, ::-1]  # upside down, so that some look like digits still
POOLED = np.concatenate([TEST_IMAGES, ANOMALY_IMAGES])
CLASSES = [f"digit {c}" for c in range(10)]
SOURCES = {"test": {"source": "scikit-learn's digits"}}
PROJECTION = np.random.default_rng(0).standard_normal((32 * 32 * 3, 24)).astype(np.float32)


def represent(images: np.ndarray) -> np.ndarray:
    """A random projection of the pixels: (N, 24), which knows a good part of the classes."""
    return images.reshape(len(images), -1).astype(np.float32) / 255 @ PROJECTION


TRAIN, TEST, ANOMALIES = represent(TRAIN_IMAGES), represent(TEST_IMAGES), represent(ANOMALY_IMAGES)
QUERIES = np.concatenate([TEST, ANOMALIES])
OWN_MAP = TEST[:, 3:5]


def measure(stages: list | None = None) -> Report:
    """Everything that a report can hold, from arrays that may not be written to."""
    arrays = [a.copy() for a in (TRAIN, TRAIN_LABELS, TEST, TEST_LABELS, TRAIN_IMAGES, TEST_IMAGES, ANOMALIES)]
    for array in arrays:
        array.flags.writeable = False
    inputs = Inputs(
        *arrays[:4],
        classes=CLASSES,
        network=True,
        embeddings=(arrays[0][:, :6], arrays[2][:, :6]),
        train_images=arrays[4],
        test_images=arrays[5],
        anomalies=arrays[6],
        anomaly_images=ANOMALY_IMAGES,
        own_map=("laplacian", OWN_MAP),
    )
    return evaluate(
        inputs,
        sources=SOURCES,
        on_stage=lambda *stage: stages.append(stage) if stages is not None else None,
    )


@pytest.fixture(scope="module")
def report() -> Report:
    return measure()


def test_what_else_is_known_of_the_images_is_probed_and_looked_for_among_the_nearest():
    values = ("low", "high")
    halves = [(images.mean(axis=(1, 2, 3)) > 78).astype(np.int64) for images in (TRAIN_IMAGES, TEST_IMAGES)]
    found = attributes_of(TRAIN, TEST, {"brightness": (values, *halves)}).metrics["attributes"]["brightness"]
    near = NearestNeighbors(n_neighbors=5, metric="cosine").fit(TEST).kneighbors(return_distance=False)
    assert found["nearest_5_same"] == pytest.approx(100 * (halves[1][near] == halves[1][:, None]).mean())
    low, high = found["nearest_5_interval"]
    assert low < found["nearest_5_same"] < high
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(TRAIN, halves[0])
    assert found["accuracy"] == pytest.approx(100 * model.score(TEST, halves[1]), abs=6)
    assert found["accuracy"] > 65  # 3 standard errors above guessing
    assert (found["chance"], found["n"], set(found["per_class"])) == (50, 120, set(values))
    assert "low, high" in found["protocol"]


@pytest.fixture(scope="module")
def collapsed() -> Report:
    """Every image the same point, and nothing beside the representations."""
    same = np.full((300, 24), 0.3, dtype=np.float32)
    return evaluate(Inputs(same, TRAIN_LABELS, same[:120], TEST_LABELS, CLASSES), sources=SOURCES)


def listed(report: Report, metric: str, column: str, few: int = 5) -> np.ndarray:
    """The lists of all queries, (M, few), from the table."""
    table = report.tables["neighbours"]
    rows = table[(table.metric == metric) & (table["rank"] <= few)].sort_values(["query", "rank"])
    return rows[column].to_numpy().reshape(-1, few)


def test_the_same_arrays_give_the_same_report_byte_for_byte(report):
    stages = []
    again = measure(stages)
    assert json.dumps(again.metrics) == json.dumps(report.metrics)
    assert again.tables.keys() == report.tables.keys()
    for name, frame in report.tables.items():
        assert frame_bytes(again.tables[name]) == frame_bytes(frame), name
    assert stages == [("measuring", done, len(SECTIONS)) for done in range(len(SECTIONS) + 1)]


def test_metrics_are_plain_json_without_nan(report, collapsed):
    for metrics in (report.metrics, collapsed.metrics):
        assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
        assert metrics["sources"] == SOURCES


def test_every_section_says_its_protocol_and_how_many_images(report):
    measured = {name: section for name, section in report.metrics.items() if name != "sources"}
    assert set(measured) == {*SECTIONS} - {
        "attributes",
        "layers",
        "map_choices",
    }  # nothing else known, no networks, few images
    for name, section in measured.items():
        assert section["n"] == 120, name
        assert len(section["protocol"]) > 40, name
    for name in ("knn", "probe", "anomaly", "spaces"):
        assert "300 train" in measured[name]["protocol"]
    for name in ("projection", "clusters"):
        assert "120 test" in measured[name]["protocol"]
    assert measured["anomaly"]["n_anomalies"] == 60
    assert "R2" in measured["retrieval"]["colour"]["protocol"]


def percentages(metrics: dict) -> list[tuple[float, list[float]]]:
    """Every figure that has an interval beside it."""
    names = ("accuracy", "knn_accuracy", "nearest_5_same_class", "distance_ratio", "auroc", "share")
    found = [(metrics[name], metrics["interval"]) for name in names if name in metrics]
    for value in metrics.values():
        for inner in value if isinstance(value, list) else [value]:
            found += percentages(inner) if isinstance(inner, dict) else []
    return found


def test_every_interval_has_its_figure_inside(report):
    found = percentages(report.metrics)
    # kNN, probe and five pairs, retrieval and colour, four places of the projection, two AUROC, clusters,
    # three of y and three of z
    assert len(found) == 22
    for value, (low, high) in found:
        assert low < value < high


def test_tables_have_their_rows_the_columns_that_pages_read_and_small_types(report):
    rows = {
        **{"confusion": 100, "predictions": 120, "projections": 120, "clusters": 120, "embedding_points": 120},
        **{
            "spectrum": 24,
            "embedding_spectrum": 6,
            "covariances": 24 * 25 // 2 + 6 * 7 // 2,
        },  # half a square of y and z
        **{"neighbours": 2 * 120 * 10, "anomaly": 180},  # metrics, queries, ranks; test images and anomalies
    }
    assert report.tables.keys() == {*rows, "roc", "anomaly_sets", "bank", "bank_basis", "bank_scale"}
    for name, count in rows.items():
        frame = report.tables[name]
        assert len(frame) == count, name
        assert set(TABLES[name].columns) <= set(frame.columns), name
        numbers = frame.select_dtypes("number").dtypes
        assert max(kind.itemsize for kind in numbers) <= 4 or name == "confusion", name
        assert not frame.isna().any(axis=None), name
    for name in ("predictions", "projections", "clusters"):
        assert report.tables[name]["index"].tolist() == list(range(120))
        assert report.tables[name]["label"].tolist() == TEST_LABELS.tolist()


def test_figures_and_tables_of_single_functions_are_those_of_the_reports_arrays(report):
    metrics, tables = report.metrics, report.tables
    accuracy = knn_accuracy(TRAIN, TRAIN_LABELS, TEST, TEST_LABELS)
    assert metrics["knn"]["accuracy"] == pytest.approx(100 * accuracy)
    assert 0.5 < accuracy < 0.95  # neither chance nor all
    values = spectrum(TEST)
    assert metrics["spectrum"]["effective_rank"] == pytest.approx(values.effective_rank)
    assert tables["spectrum"].dimension.tolist() == list(range(1, 25))
    np.testing.assert_allclose(tables["spectrum"].singular_value, values.singular_values, rtol=1e-5)
    np.testing.assert_allclose(tables["spectrum"].standard_deviation, values.standard_deviations, rtol=1e-5)
    for metric in ("cosine", "euclidean"):
        found = nearest_and_farthest(TEST, TEST, k=10, metric=metric, exclude_self=True)
        for side in ("nearest", "farthest"):
            np.testing.assert_array_equal(listed(report, metric, side, few=10), getattr(found, side))
            distances = getattr(found, f"{side}_distances")  # kept in half precision
            np.testing.assert_allclose(
                listed(report, metric, f"{side}_distance", few=10), distances, rtol=1e-3, atol=1e-4
            )
    colour, lab = metrics["retrieval"]["colour"], mean_lab(TEST_IMAGES)
    near = listed(report, "cosine", "nearest").astype(int)
    assert colour["distance_ratio"] == pytest.approx(neighbour_colour_ratio(near, lab, lab, exclude=np.arange(120)))
    away = np.linalg.norm(lab[:, None] - lab[near], axis=2).mean(axis=1)
    half = 1.96 * away.std() / np.sqrt(120) * colour["distance_ratio"] / away.mean()
    np.testing.assert_allclose(np.diff(colour["interval"]), 2 * half, rtol=1e-4)
    assert colour["r2"] == pytest.approx(colour_r2(TRAIN, mean_lab(TRAIN_IMAGES), TEST, lab))


def test_the_probes_figures_recount_from_its_tables(report):
    probe, confusion, predictions = (report.metrics["probe"], *map(report.tables.get, ("confusion", "predictions")))
    right = confusion[confusion["class"] == confusion["predicted"]]["count"].sum()
    assert confusion["count"].sum() == 120
    assert probe["accuracy"] == pytest.approx(100 * right / 120)
    assert probe["accuracy"] == pytest.approx(100 * (predictions.predicted == predictions.label).mean())
    recall = recall_score(TEST_LABELS, predictions.predicted, average=None)
    assert list(probe["per_class"]) == CLASSES
    np.testing.assert_allclose(list(probe["per_class"].values()), 100 * recall)
    counted = pd.crosstab(predictions.label, predictions.predicted).reindex(columns=range(10), fill_value=0)
    np.testing.assert_array_equal(confusion["count"].to_numpy().reshape(10, 10), counted)
    sure = predictions.probability > 0.5  # nothing else can be likelier than the true class
    assert (predictions.predicted == predictions.label)[sure].all()
    assert 0 < sure.sum() < 120


def test_both_spaces_are_compared_and_ys_figures_are_the_reports_own(report):
    found = report.metrics["spaces"]
    for name in ("probe", "knn"):
        assert found["y"][name]["accuracy"] == report.metrics[name]["accuracy"]
        assert found["y"][name]["interval"] == report.metrics[name]["interval"]
    assert (found["y"]["dimensions"], found["z"]["dimensions"]) == (24, 6)


def test_the_confused_pairs_are_the_five_with_the_largest_share(report):
    confusion = report.tables["confusion"].pivot_table(index="class", columns="predicted", values="count")
    shares = {
        (a, b): 100 * (confusion.loc[a, b] + confusion.loc[b, a]) / (confusion.loc[a].sum() + confusion.loc[b].sum())
        for a, b in combinations(CLASSES, 2)
    }
    pairs = report.metrics["probe"]["confused"]
    np.testing.assert_allclose([pair["share"] for pair in pairs], sorted(shares.values(), reverse=True)[:5])
    for pair in pairs:
        a, b = pair["classes"]
        share, n = shares[a, b], confusion.loc[[a, b]].to_numpy().sum()
        assert pair["share"] == pytest.approx(share)
        half = 1.96 * np.sqrt(share * (100 - share) / n)
        np.testing.assert_allclose(pair["interval"], [share - half, share + half], atol=4)  # a bootstrap, of few images
        assert 0 <= pair["interval"][0] <= share <= pair["interval"][1] <= 100


def test_the_share_of_the_class_recounts_from_the_lists(report):
    retrieval = report.metrics["retrieval"]
    same = TEST_LABELS[listed(report, "cosine", "nearest")] == TEST_LABELS[:, None]  # (120, 5)
    assert retrieval["nearest_5_same_class"] == pytest.approx(100 * same.mean())
    half = 100 * 1.96 * same.mean(axis=1).std() / np.sqrt(120)
    np.testing.assert_allclose(np.diff(retrieval["interval"]), 2 * half)
    by_class = [100 * same[c == TEST_LABELS].mean() for c in range(10)]
    np.testing.assert_allclose([retrieval["per_class"][name] for name in CLASSES], by_class)
    queries = retrieval["sample"]["queries"]
    assert TEST_LABELS[queries].tolist() == list(range(10))
    assert retrieval["sample"]["same_class"] == same[queries].sum(axis=1).tolist()


def test_hubness_recounts_from_the_lists(report):
    hubness = report.metrics["retrieval"]["hubness"]
    for metric in ("cosine", "euclidean"):
        far = listed(report, metric, "farthest")
        counts = pd.Series(far.ravel()).value_counts()
        assert hubness[metric]["farthest"] == pytest.approx(100 * counts[:10].sum() / 600)
        hubs = hubness[metric]["hubs"]
        assert [hub["lists"] for hub in hubs] == counts[:10].tolist()
        for hub in hubs:
            queries = (far == hub["index"]).any(axis=1)
            assert hub["lists"] == queries.sum()
            assert hub["classes"] == len(set(TEST_LABELS[queries]))
    near = pd.Series(listed(report, "cosine", "nearest").ravel()).value_counts()
    assert hubness["nearest"] == pytest.approx(100 * near[:10].sum() / 600)
    assert hubness["by_chance"] == pytest.approx(100 * 10 / 120)
    directions = TEST - TEST.mean(axis=0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    far = np.argsort(directions @ directions.T, axis=1)[:, :5]
    assert hubness["centred_cosine"] == pytest.approx(100 * np.sort(np.bincount(far.ravel()))[-10:].sum() / 600)


def test_maps_are_as_good_as_their_coordinates_say(report):
    projection, table = report.metrics["projection"], report.tables["projections"]
    for kind in ("pca", "tsne", "laplacian"):
        quality = map_quality(TEST, table[[f"{kind}_x", f"{kind}_y"]].to_numpy(), TEST_LABELS)
        assert projection[kind]["knn_accuracy"] == pytest.approx(100 * quality.knn_accuracy), kind
        assert projection[kind]["neighbours_kept"] == pytest.approx(100 * quality.kept)
        np.testing.assert_allclose(table[f"{kind}_kept"], quality.kept_per_point, atol=1e-3)
        assert projection["full"]["knn_accuracy"] == pytest.approx(100 * quality.full_knn_accuracy)
    linear = pca(TEST)
    np.testing.assert_allclose(projection["pca"]["explained_variance"], linear.explained_variance_ratio)
    np.testing.assert_allclose(table[["pca_x", "pca_y"]], linear.coordinates)


def test_a_map_of_their_own_is_kept_as_it_is_and_others_have_none(report, collapsed):
    np.testing.assert_array_equal(report.tables["projections"][["laplacian_x", "laplacian_y"]], OWN_MAP)
    assert "laplacian" not in collapsed.metrics["projection"]
    assert not any("laplacian" in column for column in collapsed.tables["projections"])


@pytest.mark.parametrize(("name", "scoring"), KNOWN.items())
def test_auroc_and_ranking_are_those_of_the_scores(report, name, scoring):
    figures, table = report.metrics["anomaly"][name], report.tables["anomaly"]
    scores = anomaly_scores(QUERIES, TRAIN, **asdict(scoring))
    assert figures["column"] == scoring.column
    np.testing.assert_allclose(table[scoring.column], scores, rtol=1e-3)  # half precision
    curve = roc(scores[:120], scores[120:])
    assert (figures["auroc"], figures["fpr_at_95_tpr"]) == pytest.approx((curve.auroc, curve.fpr_at_95_tpr))
    assert 0.5 < figures["auroc"] < 0.9  # neither chance nor perfect
    assert figures["most"] == ranking(scores)[:100].tolist()
    assert max(figures["most"]) >= 120 > min(figures["most"])  # test images and anomalies are pooled
    drawn = report.tables["roc"].query("setting == @name")
    np.testing.assert_allclose(drawn.false_positive_rate, curve.false_positive_rate, rtol=1e-6)
    np.testing.assert_allclose(drawn.true_positive_rate, curve.true_positive_rate, rtol=1e-6)


def test_the_anomaly_table_has_test_images_first_and_anomalies_without_a_label(report):
    table = report.tables["anomaly"]
    assert table.anomaly.tolist() == [False] * 120 + [True] * 60
    assert table["index"].tolist() == [*range(120), *range(60)]
    assert table.label.tolist() == [*TEST_LABELS, *[-1] * 60]


@pytest.mark.parametrize("name", ["study", "field"])
def test_how_alike_the_most_anomalous_are_is_their_pixel_distance_over_that_of_all_pairs(report, name):
    figures = report.metrics["anomaly"][name]
    apart = pairwise_distances(POOLED.reshape(len(POOLED), -1).astype(np.float64))
    most = apart[np.ix_(figures["most"][:7], figures["most"][:7])]
    wanted = most.sum() / (7 * 6) / (apart.sum() / (180 * 179))
    assert figures["alike"] == pytest.approx(wanted, rel=0.03)  # the report draws 2,000 random pairs


def test_the_clusters_figures_recount_from_their_table(report):
    clusters, table = report.metrics["clusters"], report.tables["clusters"]
    counts = np.zeros((10, 10), dtype=int)
    np.add.at(counts, (table.cluster, table.label), 1)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    assert clusters["accuracy"] == pytest.approx(100 * counts[rows, columns].sum() / 120)
    matched = np.array(clusters["matching"])[table.cluster]
    assert clusters["accuracy"] == pytest.approx(100 * (matched == table.label).mean())
    assert clusters["nmi"] == pytest.approx(normalized_mutual_info_score(TEST_LABELS, table.cluster))
    assert clusters["ari"] == pytest.approx(adjusted_rand_score(TEST_LABELS, table.cluster))
    assert clusters["silhouette_n"] == 120
    centres = pd.DataFrame(TEST.astype(np.float64)).groupby(table.cluster).mean().to_numpy()
    np.testing.assert_allclose(table.distance, np.linalg.norm(TEST - centres[table.cluster], axis=1), rtol=2e-3)


def test_without_anomalies_the_test_images_are_scored_alone(report, collapsed):
    assert "roc" not in collapsed.tables
    assert collapsed.metrics["anomaly"]["n_anomalies"] == 0
    alone = anomaly(TRAIN, TEST, TEST_LABELS, anomalies=None, images=None)
    figures = alone.metrics["anomaly"]
    assert figures["n_anomalies"] == 0
    assert set(figures["study"]) == {"column", "most"}
    assert set(alone.tables) == {"anomaly"}
    pd.testing.assert_frame_equal(alone.tables["anomaly"], report.tables["anomaly"][:120])
    assert figures["study"]["most"] == ranking(anomaly_scores(TEST, TRAIN))[:100].tolist()


def test_without_images_no_question_about_pictures_is_answered(collapsed):
    assert "colour" not in collapsed.metrics["retrieval"]
    assert "alike" not in collapsed.metrics["anomaly"]["study"]
    only_test = retrieval(TRAIN, TEST, TEST_LABELS, classes=CLASSES, train_images=None, test_images=TEST_IMAGES)
    assert "colour" not in only_test.metrics["retrieval"]


def test_more_train_images_than_representations_leave_the_rest_out(report):
    # as for the eigenmap, whose representations are those of the first train images only
    lists = retrieval(
        TRAIN, TEST, TEST_LABELS, classes=CLASSES, train_images=digit_images(400)[0], test_images=TEST_IMAGES
    )
    assert lists.metrics["retrieval"] == report.metrics["retrieval"]


def test_a_complete_collapse_scores_at_chance_in_every_section(collapsed):
    metrics = collapsed.metrics
    at_chance = 100 * np.bincount(TEST_LABELS) / 120
    for section in ("knn", "probe", "clusters"):  # all images of one class, whichever it is
        assert np.isclose(metrics[section]["accuracy"], at_chance).any(), section
    assert metrics["spectrum"]["effective_rank"] == 0
    assert metrics["projection"]["pca"]["explained_variance"] == [0, 0]
    assert metrics["clusters"]["nmi"] == metrics["clusters"]["silhouette"] == 0
    assert metrics["retrieval"]["nearest_5_same_class"] < 20
    for name, frame in collapsed.tables.items():
        assert not frame.isna().any(axis=None), name
    assert (collapsed.tables["anomaly"][STUDY.column] == 0).all()
    same = np.full((300, 24), 0.3, dtype=np.float32)
    scored = anomaly(same, same[:120], TEST_LABELS, anomalies=same[:60], images=POOLED)
    for name in KNOWN:
        assert scored.metrics["anomaly"][name]["auroc"] == 0.5
        assert scored.metrics["anomaly"][name]["most"] == list(range(100))  # equal scores stay in their order


def test_every_claim_finds_its_figures_in_a_report(report):
    runs = ("vicreg", "vicreg-long", "no-variance", "neighbour-views", "laplacian", "pixels")
    for claim, finding in findings(dict.fromkeys(runs, report.metrics)):
        assert finding.verdict != UNKNOWN, (claim.name, finding.why)
