"""Training: reproducible, resumable after a real kill, honest about its losses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_run
import torch
from conftest import digit_images
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_run import a_run, same_weights, until
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from vicreg.config import Config
from vicreg.method.networks import networks
from vicreg.presets import presets
from vicreg.storage.paths import STATE_FILE
from vicreg.training import batches, graphed_step, loop, snapshots, state, step
from vicreg.training.loop import train
from vicreg.training.progress import Progress
from vicreg.training.state import TrainingError, state_bytes
from vicreg.training.step import positive_pairs, seeded, take_step, to_floats

SMALL = replace(small_run.SMALL, epochs=4, expander=(32, 32, 16), warmup_steps=4)
NEAR = replace(SMALL, positives="neighbours", epochs=2)


def following(count: int, k: int = 3) -> np.ndarray:
    """(count, k) int64: as every image's neighbours, the k that come after it."""
    return (np.arange(count)[:, None] + 1 + np.arange(k)) % count


def themselves(count: int) -> np.ndarray:
    """(count, 1) int64: every image its own and only neighbour, so that both sides of a pair are the same pixels."""
    return np.arange(count)[:, None]


NEIGHBOURS = following(56), following(40)  # of the train and of the test images of `run`


def run(folder: Path, config: Config = SMALL, **options) -> loop.Trained:
    return a_run(folder, config, **options)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", autouse=True)
def _quick_maps():
    """t-SNE, most of a small run's time, is tested elsewhere: here a map that depends on all maps before it."""

    def quick(representations: np.ndarray, *, initial: np.ndarray | None) -> np.ndarray:
        return representations[:, :2] + (0 if initial is None else initial / 2)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots, "tsne", quick)
        yield


@pytest.fixture(scope="module")
def progress() -> list[Progress]:
    """What `finished` reported."""
    return []


@pytest.fixture(scope="module")
def finished(tmp_path_factory, progress) -> loop.Trained:
    return run(tmp_path_factory.mktemp("whole"), on_progress=progress.append)


def test_the_same_seed_gives_the_same_weights_however_often_the_loss_is_read_and_another_seed_others(
    finished, tmp_path
):
    seldom = run(tmp_path / "seldom", read_every=2)
    assert same_weights(finished, seldom)
    assert [row["total"] for row in seldom.history] == [row["total"] for row in finished.history]
    assert not same_weights(finished, run(tmp_path / "other", replace(SMALL, seed=1)))
    with pytest.raises(ValueError, match=r"read_every .* 0"):
        run(tmp_path / "never", read_every=0)


def test_history_has_a_row_an_epoch_and_split_and_the_untrained_network_first(finished):
    assert [(row["epoch"], row["split"]) for row in finished.history] == [
        (0, "test"),
        *((epoch, split) for epoch in (1, 2, 3, 4) for split in ("train", "test")),
    ]
    for row in finished.history:
        total = 25 * row["invariance"] + 50 * row["variance"] + row["covariance"]
        assert row["total"] == pytest.approx(total, rel=1e-5)
    assert finished.history[-1]["total"] < finished.history[0]["total"]


def test_networks_come_back_in_eval_mode_and_their_statistics_have_moved(finished):
    assert not finished.encoder.training
    assert not finished.expander.training
    statistics = finished.encoder.stem[1]
    assert statistics.num_batches_tracked.item() == 4 * (56 // 16)
    assert not torch.equal(statistics.running_mean, torch.zeros(32))


def test_the_test_loss_moves_nothing_and_is_the_same_twice():
    encoder, expander = networks(SMALL, torch.device("cpu"))
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    images, _ = digit_images(40)
    one, two = (step.test_loss(encoder, expander, images, SMALL) for _ in range(2))
    assert one == two
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())


def test_a_stopped_run_goes_on_in_the_middle_of_an_epoch_and_ends_with_the_same_weights(finished, tmp_path):
    assert not run(tmp_path, **until(5)).finished  # the second step of the second epoch
    resumed = run(tmp_path)
    assert resumed.finished
    assert same_weights(finished, resumed)
    rows = [[{**row, "seconds": 0} for row in trained.history] for trained in (resumed, finished)]
    assert rows[0] == rows[1]
    for one, other in zip(resumed.snapshots, finished.snapshots, strict=True):
        assert one.figures() == other.figures()
        np.testing.assert_array_equal(one.tsne, other.tsne)


@pytest.mark.fault("a training dies", "it loses at most an epoch, and ends with the same weights")
def test_a_run_that_dies_loses_at_most_the_epoch_and_another_ends_with_the_same_weights(finished, tmp_path):
    def die(progress: Progress) -> None:
        if progress.step == 8:  # two epochs of three steps are saved, the third is under way
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, on_progress=die)
    seen = []
    assert same_weights(finished, run(tmp_path, on_progress=seen.append))
    assert seen[0].step == 7  # the first step after the two epochs that were saved
    assert seen[-1].step == 12


@pytest.mark.fault("a training dies while it saves its state", "the old state or the new one is there, whole")
def test_a_state_is_whole_or_absent_while_it_is_being_written(tmp_path, monkeypatch):
    run(tmp_path, **until(3))
    before = (tmp_path / STATE_FILE).read_bytes()

    def broken(tensors, path, metadata):
        Path(path).write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(state, "save_file", broken)
    with pytest.raises(OSError, match="No space left"):
        run(tmp_path)
    assert (tmp_path / STATE_FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]


@pytest.mark.parametrize("config", [SMALL, presets("coloured-digits")["vicreg"]])
def test_how_large_a_state_will_be_is_known_before(config, tmp_path):
    run(tmp_path, replace(config, batch_size=16), should_stop=lambda: True)
    size = (tmp_path / STATE_FILE).stat().st_size
    assert state_bytes(config) == pytest.approx(size, rel=0.1)


@pytest.mark.fault("a damaged state, or one of other settings", "a sentence says what to do; it is not overwritten")
def test_a_state_of_other_settings_or_damaged_is_refused_with_the_way_out(tmp_path):
    run(tmp_path, should_stop=lambda: True)
    with pytest.raises(TrainingError, match=r"seed 0 -> 7.*delete"):
        run(tmp_path, replace(SMALL, seed=7))
    images, labels = digit_images(48)
    with pytest.raises(TrainingError, match=r"training images 56 -> 48.*delete"):
        train(SMALL, images, images, train_labels=labels, test_labels=labels, folder=tmp_path)
    state = tmp_path / STATE_FILE
    whole = load_file(state)
    with safe_open(state, framework="pt") as file:
        record = file.metadata()
    save_file({name: whole[name] for name in whole if name != "encoder.stem.0.weight"}, state, metadata=record)
    with pytest.raises(TrainingError, match=r"Missing key.*delete"):
        run(tmp_path)
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(TrainingError, match="cannot be read"):
        run(tmp_path)


@pytest.mark.fault("the loss is no longer finite", "training stops with a hint, before anything is saved")
def test_a_loss_that_is_read_every_few_steps_is_still_found_out_before_anything_is_saved(tmp_path, monkeypatch):
    count = iter(range(100))
    real = step.vicreg_loss

    def explode(z_a, z_b, **options):
        terms = real(z_a, z_b, **options)
        lost = z_a.requires_grad and next(count) == 1
        return (
            terms._replace(variance=terms.variance * float("nan"), total=terms.total * float("nan")) if lost else terms
        )

    monkeypatch.setattr(step, "vicreg_loss", explode)
    with pytest.raises(TrainingError, match=r"variance term .* step 2\..*learning rate"):
        run(tmp_path, read_every=100)  # read at the end of the epoch, after step 3
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_finite_are_not_saved_though_no_loss_showed_it(tmp_path, monkeypatch):
    run(tmp_path, **until(3))
    before = (tmp_path / STATE_FILE).read_bytes()
    real = take_step

    def break_one(network, *rest, **options):
        terms = real(network, *rest, **options)
        next(network.parameters()).data[0, 0, 0, 0] = float("inf")
        return terms

    monkeypatch.setattr(graphed_step, "take_step", break_one)
    with pytest.raises(TrainingError, match=r"encoder\.stem\.0\.weight .* step 4"):
        run(tmp_path, **until(4))
    assert (tmp_path / STATE_FILE).read_bytes() == before


class Readings(TorchFunctionMode):
    """Counts what would make the host wait for a device: values asked for, and constants copied over."""

    ASKING = ("item", "tolist", "cpu", "numpy", "__bool__", "__float__", "__int__", "__index__", "is_nonzero")

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.count += getattr(func, "__name__", "") in self.ASKING
        return func(*args, **(kwargs or {}))


class Waits(TorchDispatchMode):
    """Counts the same where C++ asks: a scalar read, a constant made on the host (`torch.tensor`, `new_tensor`), and a
    result whose shape the values decide (`x[x > 0]`), which the host must know before it can go on.
    """

    aten = torch.ops.aten
    ASKING = (
        aten._local_scalar_dense,
        aten.lift_fresh,
        aten.equal,
        aten.nonzero,
        aten.masked_select,
        aten._unique2,
    )
    INDEXING = (aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_)

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        called = func.overloadpacket
        self.count += called in self.ASKING
        if called in self.INDEXING:
            self.count += any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1])
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("positives", ["views", "neighbours"])
def test_between_two_readings_nothing_in_a_step_waits_for_the_device(tmp_path, positives, monkeypatch):
    config = replace(SMALL, batch_size=4, epochs=1, positives=positives)
    counts, reported = {}, []
    real = step.draw_parameters

    def on_the_host(*arguments, **options):  # drawn by a CPU generator on any device: nothing to wait for
        before = readings.count, waits.count
        drawn = real(*arguments, **options)
        readings.count, waits.count = before
        return drawn

    monkeypatch.setattr(step, "draw_parameters", on_the_host)
    with Readings() as readings, Waits() as waits:
        trained = run(
            tmp_path,
            config,
            read_every=5,
            neighbours=NEIGHBOURS if positives == "neighbours" else None,
            on_progress=lambda progress: reported.append(progress.step),
            should_stop=lambda: counts.setdefault(len(counts) + 1, (readings.count, waits.count)) is None,
        )
    assert trained.finished
    assert reported == [0, 5, 10, 14]
    asked = {step: sum(counts[step]) - sum(counts[step - 1]) for step in range(2, 14)}
    assert {step for step, times in asked.items() if times} == {5, 10}
    assert asked[5] == 1  # one reading for all that there is to know


@pytest.mark.parametrize(("optimiser", "rate"), [("adamw", 1e-3), ("lars", 0.1)])  # muon is the tests' own
def test_every_optimiser_trains_and_a_resumed_run_ends_bit_for_bit_like_a_whole_one(optimiser, rate, tmp_path):
    config = replace(SMALL, optimiser=optimiser, learning_rate=rate, epochs=2)
    whole = run(tmp_path / "whole", config)
    run(tmp_path / "parts", config, **until(4))
    resumed = run(tmp_path / "parts", config)
    assert resumed.finished
    assert same_weights(whole, resumed)
    assert whole.history[-1]["total"] < whole.history[0]["total"]


def test_generators_of_different_purposes_and_moments_differ():
    draws = {
        (purpose, counter): torch.rand(1, generator=seeded(0, purpose, counter)).item()
        for purpose in (1, 2, 3)
        for counter in range(50)
    }
    assert len(set(draws.values())) == len(draws)


def test_progress_tells_the_time_left_and_carries_rows_and_snapshots_at_an_epochs_end(finished, progress):
    seen = progress
    assert seen[0].snapshot.epoch == seen[0].rows[0]["epoch"] == seen[0].epoch == 0  # the untrained network
    seen = seen[1:]
    assert [p.step for p in seen] == list(range(1, 13))
    assert all(p.steps == 12 and p.epochs == 4 for p in seen)
    assert [p.epoch for p in seen] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    assert [bool(p.rows) for p in seen] == [False, False, True] * 4
    assert seen[-1].seconds_left == 0
    assert seen[0].seconds_left > seen[-2].seconds_left > 0
    assert seen[-1].snapshot.epoch == 4


@pytest.mark.parametrize(
    ("change", "weights"),
    [
        ({"variance_weight": 0.0}, (25, 0, 1)),
        ({"covariance_weight": 0.0}, (25, 50, 0)),
        ({"invariance_weight": 0.0}, (0, 50, 1)),
    ],
)
def test_a_term_of_weight_zero_is_still_recorded_and_adds_nothing(tmp_path, change, weights):
    trained = run(tmp_path, replace(SMALL, epochs=1, **change))
    assert [(row["epoch"], row["split"]) for row in trained.history] == [(0, "test"), (1, "train"), (1, "test")]
    for row in trained.history:
        terms = [row[name] for name in ("invariance", "variance", "covariance")]
        assert min(terms) > 0
        assert row["total"] == pytest.approx(sum(w * term for w, term in zip(weights, terms, strict=True)), rel=1e-5)
    left_out = next(iter(change)).removesuffix("_weight")
    assert trained.history[1][left_out] > 0.01  # large enough for any weight to be seen in the total


def test_neighbour_pairs_are_the_images_and_their_neighbours_without_augmentation():
    pixels = torch.from_numpy(digit_images(56)[0])
    rows = torch.tensor([40, 3, 3, 55])
    table = torch.from_numpy(following(56, k=1))
    pairs = positive_pairs(pixels, rows, NEAR, neighbours=table, generator=seeded(0, 2, 0))
    assert pairs.dtype == torch.float32
    assert pairs.shape == (8, 3, 32, 32)  # the pictures' own side, not the config's 16
    assert torch.equal(pairs, pixels[[40, 3, 3, 55, 41, 4, 4, 0]].permute(0, 3, 1, 2) / 255)


def test_view_pairs_are_two_different_views_of_the_configs_size():
    pixels = torch.from_numpy(digit_images(56)[0])
    pairs = positive_pairs(pixels, torch.arange(4), SMALL, neighbours=None, generator=seeded(0, 2, 0))
    assert pairs.shape == (8, 3, 16, 16)
    assert not torch.equal(pairs[:4], pairs[4:])


def test_neighbours_are_drawn_anew_at_every_step(tmp_path, monkeypatch):
    drawn = []
    real = positive_pairs

    def note(pixels, rows, config, **options):
        pairs = real(pixels, rows, config, **options)
        if len(pixels) == 56:  # a train batch
            drawn.append((rows, pairs[len(rows) :]))
        return pairs

    monkeypatch.setattr(batches, "positive_pairs", note)
    run(tmp_path, replace(NEAR, epochs=1), neighbours=NEIGHBOURS)
    pixels = to_floats(torch.from_numpy(digit_images(56)[0]))
    for rows, views in drawn:
        places = [
            [k for k in range(3) if torch.equal(view, pixels[NEIGHBOURS[0][row, k]])]
            for row, view in zip(rows.tolist(), views, strict=True)
        ]
        assert all(places)
        assert {place[0] for place in places} == {0, 1, 2}


@pytest.fixture(scope="module")
def near(tmp_path_factory) -> loop.Trained:
    """Two epochs of three steps with neighbours as positives."""
    return run(tmp_path_factory.mktemp("near"), NEAR, neighbours=NEIGHBOURS)


def test_training_with_neighbours_learns_and_other_neighbours_end_in_other_weights(near, tmp_path):
    assert near.history[-2]["total"] < near.history[-4]["total"]  # of the train split, the second epoch and the first
    others = (np.flip(NEIGHBOURS[0], axis=1).copy(), NEIGHBOURS[1])
    assert not same_weights(near, run(tmp_path, NEAR, neighbours=others))


def test_a_stopped_run_with_neighbours_goes_on_mid_epoch_and_ends_with_the_same_weights(near, tmp_path):
    assert not run(tmp_path, NEAR, neighbours=NEIGHBOURS, **until(4)).finished  # the first step of the second epoch
    resumed = run(tmp_path, NEAR, neighbours=NEIGHBOURS)
    assert resumed.finished
    assert same_weights(near, resumed)
    assert [row["total"] for row in near.history] == [row["total"] for row in resumed.history]


@pytest.mark.parametrize("own", ["train", "test"])
def test_each_split_is_paired_with_its_own_neighbours(tmp_path, own):
    """Where every image is its own neighbour both embeddings are the same, and the invariance term is nothing."""
    pairs = {"train": following(56), "test": following(40), own: themselves(56 if own == "train" else 40)}
    trained = run(tmp_path, replace(NEAR, epochs=1), neighbours=(pairs["train"], pairs["test"]))
    assert len(trained.history) == 3
    for row in trained.history:
        assert (row["invariance"] < 1e-6) == (row["split"] == own), row


def test_the_test_loss_with_neighbours_is_that_of_the_unchanged_pictures():
    encoder, expander = networks(NEAR, torch.device("cpu"))
    images, _ = digit_images(40, first=1000)
    table = following(40, k=1)
    found = step.test_loss(encoder, expander, images, NEAR, neighbours=torch.from_numpy(table))
    sums = dict.fromkeys(found, 0.0)
    floats = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        z = expander.eval()(encoder.eval()(floats))
        for start in (0, 16):  # the 8 images past the last whole batch are left out
            rows = np.arange(start, start + 16)
            terms = step.vicreg_loss(z[rows], z[table[rows, 0]], variance_weight=50.0)
            for name, value in terms._asdict().items():
                sums[name] += value.item() / 2
    assert found == pytest.approx(sums, rel=1e-4)


def test_neighbours_are_refused_where_positives_are_views_and_asked_for_where_they_are_not():
    folder = Path("unused")
    with pytest.raises(ValueError, match="positives are neighbours"):
        run(folder, NEAR)
    with pytest.raises(ValueError, match="positives are views"):
        run(folder, SMALL, neighbours=NEIGHBOURS)
    assert not folder.exists()


def test_too_few_images_are_refused_with_the_rule():
    images, labels = digit_images(10)
    with pytest.raises(ValueError, match=r"batch_size 16 .* 10"):
        train(SMALL, images, images, train_labels=labels, test_labels=labels, folder=Path("unused"))
