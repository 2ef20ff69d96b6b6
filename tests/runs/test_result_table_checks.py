"""Tables and weights that anybody may have written: bounded before they are read, in range before pages index with them."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from vicreg.data.catalogue import CATALOGUE
from vicreg.method.networks import Encoder, Expander, make_networks
from vicreg.runs.discovery import find_runs
from vicreg.runs.errors import RunError
from vicreg.runs.folder import open_run
from vicreg.runs.history import HISTORY, MAX_HISTORY_BYTES, read_history
from vicreg.runs.json_rules import Measured
from vicreg.runs.parquet_pages import MOST_PAGES, unpacked_bytes
from vicreg.runs.result_table_checks import (
    LABEL,
    NUMBER,
    ROW,
    TABLES,
    WHOLE,
    WORD,
    read_table,
)
from vicreg.runs.weights import read_weights, weights_bytes
from vicreg.storage import paths

CLASSES = CATALOGUE["cifar10"].classes
MEASURED = Measured(images=10_000, anomalies=3_000, clusters=10)
LAPLACIAN = ("pixel_neighbours", "placements")


def bundled(name: str) -> Path:
    run = "cifar10-laplacian" if name in LAPLACIAN else "cifar10-vicreg"
    return paths.BUNDLED / run / "results" / f"{name}.parquet"


KNOWN = sorted(name for name in TABLES if bundled(name).is_file())


def read(path: Path, name: str, *, measured: Measured = MEASURED, baseline: str = "") -> pd.DataFrame:
    return read_table(path, name, run="mine", classes=CLASSES, measured=measured, baseline=baseline)


def written(frame: pd.DataFrame, tmp_path: Path, **options) -> Path:
    path = tmp_path / "table.parquet"
    frame.to_parquet(path, **{"index": False, **options})
    return path


def test_every_bundled_table_passes_and_reads_as_pandas_reads_it():
    found, broken = find_runs()
    assert not broken
    for run in found.values():
        if run.folder.parent != paths.BUNDLED:
            continue
        names = [Path(file).stem for file in run.record["files"] if file.startswith("results/")]
        assert names
        for name in names:
            if run.name not in ("cifar10-vicreg", "cifar10-laplacian"):
                assert len(run.results(name))
                continue
            frame = pd.read_parquet(run.folder / "results" / f"{name}.parquet")
            half = frame.select_dtypes("float16").columns
            pd.testing.assert_frame_equal(run.results(name), frame.astype(dict.fromkeys(half, "float32")))
        if not run.baseline:
            pd.testing.assert_frame_equal(run.history, pd.read_csv(run.folder / "history.csv"))


FEW = Measured(images=200, anomalies=60, clusters=10)


def small(name: str) -> pd.DataFrame:
    """A bundled table of a few rows, as of a run that was measured on 200 images and 60 anomalies."""
    frame = pd.read_parquet(bundled(name))
    parts = [frame[~frame["anomaly"]].head(200), frame[frame["anomaly"]].head(60)] if name == "anomaly" else [frame]
    frame = pd.concat(parts).head(260 if name == "anomaly" else 200)
    rows = [column for column, kind in TABLES[name].columns.items() if kind == ROW]
    return frame.assign(**{column: frame[column] % 200 for column in rows})


@pytest.mark.parametrize("name", KNOWN)
def test_a_missing_column_one_of_another_kind_and_no_rows_are_named(name, tmp_path):
    frame = small(name)
    assert len(read(written(frame, tmp_path), name, measured=FEW)) == len(frame)
    with pytest.raises(RunError, match="no rows"):
        read(written(frame.head(0), tmp_path), name, measured=FEW)
    for column, kind in TABLES[name].columns.items():
        with pytest.raises(RunError, match=rf"mine/results/{name}\.parquet .*no column {column}; "):
            read(written(frame.drop(columns=column), tmp_path), name, measured=FEW)
        for other in (np.full(len(frame), "word"), np.full(len(frame), 0.5), np.ones(len(frame), bool)):
            if (kind == WORD and other.dtype.kind == "U") or (kind not in (ROW, LABEL, WHOLE) and other.dtype == float):
                continue
            if kind == "truth" and other.dtype == bool:
                continue
            with pytest.raises(RunError, match=rf"column {column} must contain"):
                read(written(frame.assign(**{column: other}), tmp_path), name, measured=FEW)


@pytest.mark.parametrize("name", KNOWN)
def test_values_out_of_range_and_missing_ones_are_refused(name, tmp_path):
    frame = small(name)
    for column, kind in TABLES[name].columns.items():
        for value in {ROW: (-1, 200), LABEL: (-1, 10), NUMBER: (np.nan, np.inf)}.get(kind, ()):
            values = frame[column].to_numpy().astype(float if kind == NUMBER else np.int64)
            values[-1] = value
            with pytest.raises(RunError, match="cannot be used"):
                read(written(frame.assign(**{column: values}), tmp_path), name, measured=FEW)
        if kind == "measure":
            continue
        values = frame[column].astype("object").tolist()
        values[0] = None
        table = pa.Table.from_pandas(frame, preserve_index=False)
        position = table.column_names.index(column)
        stored = pa.string() if kind == WORD else table.schema.field(column).type
        path = tmp_path / "table.parquet"
        pq.write_table(table.set_column(position, column, pa.array(values, type=stored)), path)
        with pytest.raises(RunError, match="cannot be used"):
            read(path, name, measured=FEW)


@pytest.mark.parametrize("name", [name for name in KNOWN if TABLES[name].every])
def test_there_is_one_row_a_test_image_in_their_order(name, tmp_path):
    frame = small(name)
    with pytest.raises(RunError, match="199 rows for 200 test images"):
        read(written(frame.head(199), tmp_path), name, measured=FEW)
    if "index" in frame:
        with pytest.raises(RunError, match="order"):
            read(written(frame[::-1], tmp_path), name, measured=FEW)


def test_words_that_a_chart_would_fetch_are_refused(tmp_path):
    frame = pd.read_parquet(bundled("projections"))
    for column in ("image", "url"):
        with pytest.raises(RunError, match=f"it has a column '{column}' that this table must not have"):
            read(written(frame.assign(**{column: "https://evil.example/x.png"}), tmp_path), "projections")
    assert "more" not in read(written(frame.assign(more=1.5), tmp_path), "projections")  # what no page wants stays


def test_words_are_plain_and_classes_are_the_data_sets(tmp_path):
    frame = pd.read_parquet(bundled("confusion"))
    for word, message in (
        ("![x](y)", "must contain plain text"),
        ("x" * 101, "must contain plain text"),
        ("zebra", "counts classes"),
    ):
        with pytest.raises(RunError, match=message):
            read(written(frame.replace({"class": {"cat": word}}), tmp_path), "confusion")


def test_scores_and_clusters_agree_with_the_figures(tmp_path):
    frame = pd.read_parquet(bundled("anomaly"))
    for changed, message in (
        (frame.iloc[1:], "9,999 rows for 10,000 test images"),
        (frame.iloc[:-1], "2,999 rows for 3,000 anomalies"),
        (frame.assign(index=0), "must be the test images in order"),
        (frame.assign(label=10), "labels must be below 10"),
        (frame.assign(anomaly=True), "0 rows for 10,000 test images"),
    ):
        with pytest.raises(RunError, match=message):
            read(written(changed, tmp_path), "anomaly")
    assert len(read(written(frame.assign(label=frame["label"].where(~frame["anomaly"], -1)), tmp_path), "anomaly"))
    clusters = pd.read_parquet(bundled("clusters"))
    for value in (-1, 10):
        with pytest.raises(RunError, match="clusters must be from 0 to 9"):
            read(written(clusters.assign(cluster=value), tmp_path), "clusters")


def test_the_eigenmaps_projections_have_its_own_map():
    with pytest.raises(RunError, match="it has no column laplacian_x"):
        read(bundled("projections"), "projections", baseline="laplacian")


def test_a_film_begins_before_training(tmp_path):
    frame = pd.read_parquet(bundled("timeline"))
    with pytest.raises(RunError, match=r"must start with epoch 0; download or train the run again"):
        read(written(frame[frame["epoch"] > 0], tmp_path), "timeline")
    with pytest.raises(RunError, match="the same pictures, in order, at every epoch"):
        read(written(frame.drop(index=1), tmp_path), "timeline")


def test_pandas_notes_are_not_read_at_all(tmp_path):
    table = pa.Table.from_pandas(pd.read_parquet(bundled("spectrum")), preserve_index=False)
    path = tmp_path / "table.parquet"
    pq.write_table(table.replace_schema_metadata({b"pandas": b"{not json"}), path)
    assert len(read(path, "spectrum")) == 960


@pytest.mark.fault("a table that unpacks to gigabytes", "it is refused before it is read")
def test_too_many_rows_bytes_and_columns_are_refused_before_they_are_read(tmp_path):
    path = tmp_path / "table.parquet"
    for columns, name, words in (
        ({"a": np.zeros(500_001, dtype=np.int8)}, "unknown", "unpacks to 500,001 rows"),
        ({f"c{i}": np.zeros(400_000) for i in range(8)}, "unknown", "unpacks to 400,000 rows and 26 MB"),
        ({f"c{i}": [1] for i in range(101)}, "unknown", "101 columns"),
        ({"query": [0] * 1_001}, "pixel_neighbours", "unpacks to 1,001 rows"),
    ):
        pq.write_table(pa.table(columns), path)
        assert path.stat().st_size < 50_000
        with pytest.raises(RunError, match=words):
            read(path, name)


def test_one_long_word_is_not_copied_into_every_row(tmp_path):
    path = tmp_path / "table.parquet"
    word = "x" * 1_000_000
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10_000, dtype=np.int32)), pa.array([word]))
    count = pa.array(np.zeros(10_000, dtype=np.int64))
    columns = {"class": column, "predicted": column, "count": count}
    pq.write_table(pa.table(columns), path, store_schema=False, compression="zstd")  # ten gigabytes of text, unpacked
    assert path.stat().st_size < 100_000
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(RunError, match="must contain plain text of at most 100 characters"):
        read(path, "confusion")
    assert pa.default_memory_pool().max_memory() < before + 50e6


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1, 2]]),
        pa.array([{"a": 1}]),
        pa.array([b"bytes"]),
        pa.array([0], type=pa.timestamp("s")),
        pa.nulls(1),
    ],
    ids=["list", "struct", "bytes", "time", "null"],
)
def test_other_kinds_of_columns_are_refused(column, tmp_path):
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"a": column}), path)
    with pytest.raises(RunError, match="its column 'a' must contain numbers, booleans or text"):
        read(path, "unknown")


def test_an_unknown_table_is_read(tmp_path):
    frame = pd.DataFrame({"a": [1.5, np.nan], "b": ["x", "y"], "c": [True, False]})
    pd.testing.assert_frame_equal(read(written(frame, tmp_path), "later"), frame)


@pytest.mark.fault("a table of damaged bytes", "a sentence; no other error")
def test_damaged_bytes_raise_nothing_but_a_run_error(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "table.parquet"
    for name in ("spectrum", "confusion", "predictions"):
        data = bundled(name).read_bytes()
        for trial in range(60):
            broken = bytearray(data)
            for position in rng.integers(len(data) - (2_000 if trial % 2 else 0), size=4):
                broken[position] = rng.integers(256)
            path.write_bytes(broken[: len(data) // 2] if trial == 0 else broken)
            try:
                assert len(read(path, name))
            except RunError as error:
                assert "cannot be used" in str(error)  # noqa: PT017


GOOD = ",".join(HISTORY) + "\n0,test,0.5,0.25,1.0,19.75,0.0,0.0\n1,train,0.5,,1.0,19.75,0.0,0.0\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        *(
            (GOOD.replace(f"{column}", "other", 1), f"it has no column {column}")
            for column in ("epoch", "split", "total")
        ),
        (GOOD.replace("0.25", "<b>"), "its column invariance must be numbers"),
        (GOOD.replace("test", "train"), "must contain train and test only, and test at least once"),
        (GOOD.replace("train", "![x](y)"), "must contain train and test only"),
        (GOOD + "1,2,3,4,5,6,7,8,9,10\n", "it cannot be read"),
        (GOOD + '1,"test', "it cannot be read"),
        ("", "it has no column epoch"),
        ("x" * 5_000, "it has no column epoch"),
        (GOOD + "#" * MAX_HISTORY_BYTES, "at most 10,000,000 are allowed"),
    ],
)
def test_a_history_that_pages_cannot_draw_is_refused(content, words, tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(content)
    with pytest.raises(RunError, match=rf"mine/history\.csv cannot be used: {words}.*download or train|{words}"):
        read_history(path, run="mine")


def test_a_history_may_lack_a_number_but_not_be_of_other_bytes(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(GOOD)
    assert read_history(path, run="mine")["invariance"].isna().tolist() == [False, True]
    path.write_bytes(GOOD.encode().replace(b"0.25", b"\xff"))
    with pytest.raises(RunError, match="it cannot be read"):
        read_history(path, run="mine")


@pytest.fixture(scope="module")
def networks() -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    return {"encoder": Encoder("lean"), "expander": Expander(960, (8, 8, 4))}


@pytest.fixture
def wanted(networks) -> dict[str, torch.Tensor]:
    return {f"{part}.{key}": t for part, network in networks.items() for key, t in network.state_dict().items()}


@pytest.fixture
def weights(networks, tmp_path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(weights_bytes(networks["encoder"], networks["expander"]))
    return path


def test_weights_come_back_part_by_part(weights, wanted, networks):
    found = read_weights(weights, wanted, part="expander")
    assert set(found) == set(networks["expander"].state_dict())
    assert all(t.dtype == torch.float32 for t in found.values() if t.is_floating_point())


NAME = "expander.layers.3.weight"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop(NAME), f"tensor {NAME} is missing"),
        (lambda t: t.update({NAME: torch.zeros(8, 9)}), rf"{NAME} has shape \(8, 9\), not \(8, 8\)"),
        (lambda t: t.update({NAME: torch.zeros(8, 8, dtype=torch.int8)}), f"{NAME} has type I8, not F16 or F32"),
        (lambda t: t.update({"evil[x](y)": torch.zeros(1)}), r"unexpected tensor 'evil\?x\?\(y\)'"),
        (lambda t: t[NAME].fill_(float("nan")), f"{NAME} contains values that are not finite"),
        (lambda t: t["expander.layers.1.running_var"].fill_(-1), "layers.1.running_var contains negative variances"),
    ],
    ids=["missing", "shape", "type", "unknown", "nan", "variance"],
)
def test_other_tensors_are_named(change, words, weights, wanted):
    tensors = load_file(weights)
    change(tensors)
    save_file(tensors, weights)
    with pytest.raises(ValueError, match=words):
        read_weights(weights, wanted, part="expander")


def test_bytes_that_are_no_weights_are_refused(weights, wanted):
    for content in (b"", b"PK\x03\x04", b"\x80\x04.", weights.read_bytes()[:1_000]):
        weights.write_bytes(content)
        with pytest.raises(ValueError, match="it cannot be read"):
            read_weights(weights, wanted, part="encoder")


def test_a_network_is_made_only_after_the_file_was_found_to_fit(monkeypatch, tmp_path):
    import json
    import shutil

    shutil.copytree(paths.BUNDLED / "cifar10-vicreg", tmp_path / "wide")
    path = tmp_path / "wide" / "config.json"
    record = json.loads(path.read_text())
    record["config"]["expander"] = [16_384, 16_384, 16_384]  # 2 GB of weights, of a file that has 15 MB
    path.write_text(json.dumps(record))
    real, without_memory = make_networks, []

    def noted(config):
        made = real(config)
        without_memory.append(made[1].layers[0].weight.is_meta)
        return made

    monkeypatch.setattr("vicreg.method.networks.make_networks", noted)
    with pytest.raises(RunError, match=r"wide/model\.safetensors does not fit the run's networks: expander\.layers\.0"):
        _ = open_run(tmp_path / "wide").expander
    assert without_memory == [True]


def signed(number: int, length: int = 0) -> bytes:
    """A positive number as Thrift's compact protocol writes it, in as many bytes as asked for."""
    rest, packed = 2 * number, bytearray()
    while rest or len(packed) < max(1, length):
        packed.append((rest & 0x7F) | 0x80)
        rest >>= 7
    packed[-1] &= 0x7F
    return bytes(packed)


@pytest.mark.fault("a result table of kilobytes that unpacks to a gigabyte", "a sentence, before anything is unpacked")
def test_a_table_is_as_large_as_its_pages_say_whatever_its_footer_says(tmp_path, monkeypatch):
    frame = pd.DataFrame({"setting": ["a" * 30_000_000], "false_positive_rate": [0.0], "true_positive_rate": [0.0]})
    path = written(frame, tmp_path, compression="zstd")
    told = signed(pq.ParquetFile(path).metadata.row_group(0).total_byte_size)
    content = path.read_bytes()
    assert len(content) < 200_000
    path.write_bytes(content.replace(told, signed(1_000, len(told))))
    assert pq.ParquetFile(path).metadata.row_group(0).total_byte_size == 1_000
    monkeypatch.setattr(pq.ParquetFile, "read", None)
    with pytest.raises(RunError, match="pages unpack to more than 25 MB"):
        read(path, "roc")


def test_the_pages_of_every_codec_and_version_unpack_to_what_the_footer_says(tmp_path):
    frame = pd.DataFrame({"word": ["a", "b"] * 5_000, "number": np.arange(10_000), "value": np.arange(10_000) / 7})
    for version in ("1.0", "2.0"):
        for codec in ("none", "snappy", "zstd", "gzip", "brotli"):
            path = written(frame, tmp_path, compression=codec, data_page_version=version, data_page_size=4_096)
            footer = pq.ParquetFile(path).metadata
            columns = [footer.row_group(0).column(i) for i in range(3)]
            told = sum(column.total_uncompressed_size for column in columns)  # with the pages' headers
            assert 0.9 * told < unpacked_bytes(path, footer, most=told) < told


@pytest.mark.parametrize(("at", "length"), [(2**62, 2**62), (-5, 100), (4, 2**63 - 1)])
def test_pages_outside_the_file_are_refused(tmp_path, at, length):
    column = SimpleNamespace(data_page_offset=at, has_dictionary_page=False, total_compressed_size=length)
    group = SimpleNamespace(column=lambda number: column)
    footer = SimpleNamespace(num_row_groups=1, num_columns=1, row_group=lambda number: group)
    with pytest.raises(ValueError, match="outside the file"):
        unpacked_bytes(written(pd.DataFrame({"a": [1]}), tmp_path), footer, most=100)


def pages(tmp_path: Path, content: bytes, columns: int = 1) -> tuple[Path, SimpleNamespace]:
    """A file with these pages, and a footer that gives all of them to each of its columns."""
    path = tmp_path / "pages"
    path.write_bytes(content)
    column = SimpleNamespace(data_page_offset=0, has_dictionary_page=False, total_compressed_size=len(content))
    group = SimpleNamespace(column=lambda number: column)
    return path, SimpleNamespace(num_row_groups=columns, num_columns=1, row_group=lambda number: group)


def page(unpacked: int = 0) -> bytes:
    """The header of a page without content: the field 2, how much it unpacks to, and 3, that it has 0 bytes here."""
    return bytes([0x25]) + signed(unpacked) + bytes([0x15, 0, 0])


@pytest.mark.fault("a result table of a million pages, or whose columns share pages", "a sentence, within seconds")
def test_no_more_than_a_bounded_number_of_pages_is_read(tmp_path):
    assert unpacked_bytes(*pages(tmp_path, MOST_PAGES * page(3)), most=10**6) == 3 * MOST_PAGES
    with pytest.raises(ValueError, match=r"more than 10,000 pages"):
        unpacked_bytes(*pages(tmp_path, (MOST_PAGES + 1) * page()), most=10**6)
    with pytest.raises(ValueError, match="its columns share pages"):
        unpacked_bytes(*pages(tmp_path, page(), columns=2), most=10**6)
    with pytest.raises(ValueError, match="too many fields"):
        unpacked_bytes(*pages(tmp_path, b"\x11" * 100 + page()), most=10**6)


def test_pages_beyond_the_bound_in_bytes_are_not_read(tmp_path):
    damaged = b"\xff"  # a field of no known type
    assert unpacked_bytes(*pages(tmp_path, page(60) + page(60) + damaged), most=100) == 120


def test_neighbours_of_snapshots_are_a_block_of_the_same_pictures_at_every_epoch(tmp_path):
    frame = pd.read_parquet(bundled("snapshot_neighbours"))
    assert len(read(written(frame, tmp_path), "snapshot_neighbours")) == len(frame)
    for wrong in (frame.iloc[:-1], frame.sort_values("index", kind="stable"), frame.iloc[::-1]):
        with pytest.raises(RunError, match="the same pictures, in order, at every epoch"):
            read(written(wrong, tmp_path), "snapshot_neighbours")
