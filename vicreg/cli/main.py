"""The command line: `python -m vicreg train`, `evaluate`, `baseline`, `claims`, `list`, `publish`, `download`.

Heavy modules load only when a command runs.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from vicreg.claims import STUDY_PROBES
from vicreg.config import BASELINES, DATASETS, ENCODERS, OPTIMISERS, PRESETS, Config, presets
from vicreg.jobs.locks import torchrun


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0, 1 for a clear failure, 130 for a run stopped by Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except KeyboardInterrupt:
        print("\nvicreg: stopped", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:  # RunError and DataError are ValueErrors, PicturesMissing is an OSError
        print(f"vicreg: {_who()}{error}", file=sys.stderr)
        return 1


def _rank() -> int:
    """Which of torchrun's processes this is; 0 on its own. Rank 0 alone prints, but for errors."""
    return torchrun()[0]


def _processes() -> int:
    return torchrun()[1]


def _joined() -> bool:
    """Whether this process has met the others that torchrun started."""
    found = sys.modules.get("torch.distributed")
    return found is not None and found.is_available() and found.is_initialized()


def _who() -> str:
    return f"rank {_rank()} of {_processes()}: " if _processes() > 1 else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vicreg", description="Train, evaluate and compare VICReg runs.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser(
        "train",
        help="train a preset, or go on with one that was stopped",
        description="Train a preset and evaluate it. Ctrl-C saves and stops; the same command goes on from there.",
    )
    train.set_defaults(command=_train)
    train.add_argument("--preset", choices=sorted(PRESETS), help="default: vicreg")
    train.add_argument("--dataset", choices=DATASETS, help="default: cifar10")
    train.add_argument("--config", type=Path, metavar="FILE", help="in their place: JSON settings, as in a config.json")
    train.add_argument("--encoder", choices=ENCODERS, help="default: the preset's (compact; tiny on digits)")
    train.add_argument("--optimiser", choices=OPTIMISERS, help="default: the preset's")
    for name, kind, text in (
        ("epochs", int, "passes over the train images"),
        ("batch-size", int, "images a step"),
        ("learning-rate", float, "peak rate"),
        ("weight-decay", float, "on matrices only"),
        ("warmup-steps", int, "steps of linear warm-up"),
        ("seed", int, "of weights, order and views"),
        ("invariance-weight", float, "lambda"),
        ("variance-weight", float, "mu"),
        ("covariance-weight", float, "nu"),
    ):
        train.add_argument(f"--{name}", type=kind, metavar="N", help=f"{text}; default: the preset's")
    train.add_argument("--view-size", type=int, metavar="PIXELS", help="side of a view; default: the preset's")
    train.add_argument("--images", type=int, metavar="N", help="train on the first N train images only")
    train.add_argument("--device", default="auto", help="auto, cpu, cuda or mps; default: auto")
    train.add_argument("--compile", action="store_true", help="run the networks through torch.compile")
    train.add_argument("--folder", type=Path, help="where runs go; default: VICREG_RUNS, else your cache folder")
    train.add_argument("--name", help="the run's folder; default: DATASET-PRESET")
    train.add_argument("--replace", action="store_true", help="train again where a finished run of that name exists")
    train.add_argument("--beside", action="store_true", help="train although another training runs on this machine")
    train.add_argument(
        "--max-seconds", type=_positive(float), metavar="N", help="stop and save after so much training in all"
    )
    train.add_argument(
        "--max-disk", type=_positive(int), metavar="BYTES", help="refuse, or stop and save, where its folder takes more"
    )
    train.add_argument("--tensorboard", type=Path, metavar="DIR", help="write the curves there for TensorBoard as well")

    evaluate = commands.add_parser(
        "evaluate",
        help="measure runs again: rebuild metrics.json, results/ and the model card",
        description="Measure runs again: rebuild metrics.json, results/ and the model card.",
    )
    evaluate.set_defaults(command=_evaluate)
    evaluate.add_argument("runs", nargs="*", metavar="RUN", help="names or folders; default: every run here")

    baseline = commands.add_parser(
        "baseline",
        help="make and measure what trained runs are compared with",
        description="Make and measure baselines: the untrained encoder, pixels, Laplacian Eigenmaps of pixels.",
    )
    baseline.set_defaults(command=_baseline)
    baseline.add_argument("names", nargs="+", metavar="NAME", choices=BASELINES, help=", ".join(BASELINES))
    baseline.add_argument("--dataset", choices=DATASETS, default="cifar10", help="default: cifar10")
    baseline.add_argument("--folder", type=Path, help="where runs go; default: VICREG_RUNS, else your cache folder")

    claims = commands.add_parser(
        "claims",
        help="hold the study's findings against the runs on this machine",
        description="Hold the study's findings against the runs on this machine.",
    )
    claims.set_defaults(command=_claims)
    claims.add_argument("--dataset", choices=DATASETS, default="cifar10", help="default: cifar10")

    listing = commands.add_parser("list", help="list the runs on this machine", description="List the runs here.")
    listing.set_defaults(command=_list)

    publish = commands.add_parser(
        "publish",
        help="put runs on the Hugging Face Hub",
        description="Put runs on the Hugging Face Hub; a second time, only what changed. `hf auth login` comes first.",
    )
    publish.set_defaults(command=_publish)
    publish.add_argument("repo", metavar="OWNER/NAME", help="the repository; it is made if there is none")
    publish.add_argument("runs", nargs="*", metavar="RUN", help="names or folders; default: every bundled run")
    publish.add_argument("--private", action="store_true", help="make a new repository private")

    download = commands.add_parser(
        "download",
        help="bring runs in from the Hugging Face Hub",
        description="Bring runs in from the Hugging Face Hub, every file checked. Ctrl-C stops; what is here stays.",
    )
    download.set_defaults(command=_download)
    download.add_argument(
        "words",
        nargs="*",
        metavar="OWNER/NAME[@REVISION] | RUN",
        help=("the repository (default: VICREG_HUB), then names of runs (default: all)"),
    )
    return parser


def _positive(kind: type) -> Callable[[str], Any]:
    """Reads a positive number, for argparse."""

    def read(text: str) -> Any:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"must be more than 0, got {text}")
        return value

    read.__name__ = kind.__name__  # argparse says "invalid int value"
    return read


def _train(options: argparse.Namespace) -> int:
    config = _config(options)
    from vicreg.storage import paths

    root = options.folder or paths.runs_folder()
    name = options.name or config.run_name
    if Path(name).name != name or name.startswith("."):
        raise ValueError(f"--name must be a plain folder name, got {name!r}")
    if (root / name / "config.json").exists() and not options.replace:
        raise ValueError(
            f"a finished run {name} is there already; --replace trains it again, --name gives another name"
        )
    with _stop_on_interrupt() as asked, _sitting(options, config, root, name) as sitting, _Bars() as bars:
        run = _trained(options, config, root / name, sitting, bars, should_stop=lambda: asked() or bool(sitting.reason))
        if run is None:
            sitting.say("stopped", reason=sitting.reason)
        else:
            accuracy, interval = run.metrics["probe"]["accuracy"], list(run.metrics["probe"]["interval"])
            sitting.say("finished", accuracy=accuracy, interval=interval)
    if run is None and _rank() > 0:
        return 0  # rank 0 says how it ended
    if run is None:
        state = root / f".training-{name}"
        if not state.exists():
            print("Stopped before anything was trained: there is nothing to go on from.")
        elif sitting.reason:
            print(f"Stopped: {sitting.reason}. (State: {state}.)")
        else:
            print(f"Stopped and saved. The same command goes on from there (state: {state}).")
        return 130 if _processes() == 1 else 0  # else torchrun calls a good end a failure, with a traceback
    probe = run.metrics["probe"]
    low, high = probe["interval"]
    print(
        f"{run.title}: linear probe {probe['accuracy']:.2f} % (95 % interval {low:.2f} to {high:.2f}), in {run.folder}"
    )
    return 0


class _Stop(Exception):
    """Reading or measuring ends here: somebody asked."""


def _sitting(options: argparse.Namespace, config: Config, root: Path, name: str) -> Any:
    """The sitting that the options describe."""
    from vicreg.jobs.session import Limits, sitting

    more = [f"--{flag}" for flag in ("replace", "beside", "compile") if getattr(options, flag)]
    if options.tensorboard is not None:
        more += ["--tensorboard", str(options.tensorboard.absolute())]
    return sitting(
        (root / f".training-{name}").absolute(),
        config,
        images=options.images,
        device=options.device,
        limits=Limits(seconds=options.max_seconds, disk_bytes=options.max_disk),
        beside=options.beside,
        more=more,
    )


def _trained(
    options: argparse.Namespace,
    config: Config,
    folder: Path,
    sitting: Any,
    bars: _Bars,
    *,
    should_stop: Callable[[], bool],
) -> Any:
    """The run, or None where it was stopped; bars, events and TensorBoard hear of every step."""
    from vicreg.pipeline.train_run import train_run

    def stage(label: str, done: int, total: int) -> None:
        bars.stage(label, done, total)
        sitting.stage(label, done, total)
        if should_stop() and _processes() == 1:  # under torchrun the others wait: between two training steps only
            raise _Stop

    with contextlib.ExitStack() as stack:
        hear = [bars.training, sitting.progress]
        if options.tensorboard is not None and _rank() == 0:
            from vicreg.training.tensorboard import Scalars

            hear.append(stack.enter_context(Scalars(options.tensorboard)).progress)

        def progress(progress: Any) -> None:
            for told in hear:
                told(progress)

        stack.enter_context(contextlib.suppress(_Stop))
        return train_run(
            config,
            folder,
            device=options.device,
            images=options.images,
            compile=options.compile,
            download=True,
            on_plan=sitting.planned,
            on_progress=progress,
            on_stage=stage,
            should_stop=should_stop,
        )
    return None


def _evaluate(options: argparse.Namespace) -> int:
    from vicreg.pipeline.train_run import evaluate_run
    from vicreg.runs.folder import find_runs

    found, broken = find_runs()
    for sentence in broken:
        print(f"vicreg: {sentence}", file=sys.stderr)
    for run in _chosen(options.runs or found, found):
        with _Bars() as bars:
            run = evaluate_run(run, download=True, on_stage=bars.stage)
        probe = run.metrics["probe"]
        print(
            f"{run.title}: linear probe {probe['accuracy']:.2f} % ({probe['interval'][0]:.2f} to {probe['interval'][1]:.2f})"
        )
    return 1 if broken else 0


def _chosen(names: Iterable[str], found: dict[str, Any]) -> list[Any]:
    """Runs by their names, or by their folders."""
    from vicreg.runs.folder import open_run

    chosen = []
    for name in names:
        if name in found:
            chosen.append(found[name])
        elif (Path(name) / "config.json").is_file():
            chosen.append(open_run(name))
        else:
            raise ValueError(f"no run {name!r} here; there are: {', '.join(found) or 'none'}")
    return chosen


def _baseline(options: argparse.Namespace) -> int:
    from vicreg.pipeline.train_run import make_baseline
    from vicreg.storage import paths

    for name in options.names:
        with _Bars() as bars:
            run = make_baseline(
                name, options.folder or paths.runs_folder(), dataset=options.dataset, download=True, on_stage=bars.stage
            )
        probe = run.metrics["probe"]
        print(
            f"{run.title}: linear probe {probe['accuracy']:.2f} % "
            f"({probe['interval'][0]:.2f} to {probe['interval'][1]:.2f}), in {run.folder}"
        )
    return 0


def _claims(options: argparse.Namespace) -> int:
    import textwrap

    from vicreg.claims import family, findings
    from vicreg.runs.folder import find_runs

    found, broken = find_runs()
    chosen, left_out = family(found, options.dataset)
    judged = findings({name: run.metrics for name, run in chosen.items()})
    rows = [("", "the study", "verdict", "finding")]
    rows += [(f"{n}.", claim.study, finding.verdict, claim.words) for n, (claim, finding) in enumerate(judged, start=1)]
    _print_table(rows)
    for number, (claim, finding) in enumerate(judged, start=1):
        text = f"{claim.name}: {finding.ours}. {finding.why}" if finding.ours else f"{claim.name}: {finding.why}"
        print(textwrap.fill(text, 110, initial_indent=f"{number:2}. ", subsequent_indent="    "))
    listed = (f"{name} ({'not trained' if run.baseline else run.record['epochs']})" for name, run in chosen.items())
    print(
        textwrap.fill(
            f"Runs and their epochs: {', '.join(listed) or 'none'}. All on {options.dataset}, n = test images.", 110
        )
    )
    for sentence in (*broken, *left_out):
        print(f"vicreg: {sentence}", file=sys.stderr)
    return 1 if broken else 0


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _of(found: dict[str, Any], dataset: str) -> list[Any]:
    """The runs of a data set that were measured; of two with one name the bundled one."""
    return [run for name, run in found.items() if run.config.dataset == dataset and name == run.name and run.metrics]


def _list(options: argparse.Namespace) -> int:
    from vicreg.hub.downloads import cached_runs, default_repo
    from vicreg.runs.folder import find_runs
    from vicreg.storage import paths
    from vicreg.storage.hub_client import parse

    found, broken = find_runs()
    places = {paths.BUNDLED: "bundled", paths.runs_folder(): "own"}
    if repo := default_repo():
        fetched, more = cached_runs(*parse(repo))  # what is here of it; the network is not asked
        found |= {f"{name}@{repo}": run for name, run in fetched.items()}
        broken += more
    rows = [("run", "encoder", "epochs", "probe, %", "the study", "kNN, %", "rank", "AUROC", "NMI", "MB", "where")]
    for name, run in found.items():
        try:
            figures = _figures(run)
        except ValueError as error:  # a damaged file, named
            broken.append(str(error))
            figures = ("damaged", "", "", "", "", "")
        size = sum(entry["bytes"] for entry in run.record["files"].values()) / 1e6
        where = places.get(run.folder.parent, "the Hub's cache")
        encoder, epochs = run.config.encoder, str(run.record["epochs"])
        if run.baseline:
            encoder, epochs = encoder if run.has_network else run.baseline, "-"
        rows.append((name, encoder, epochs, *figures, f"{size:.1f}", where))
    _print_table(rows)
    for sentence in broken:
        print(f"vicreg: {sentence}", file=sys.stderr)
    if not found:
        print("No runs yet: `python -m vicreg train` makes one.")
    print(f"The study's linear probe, for comparison: {STUDY_PROBES['vicreg']} % (VICReg, 30 epochs).")
    return 1 if broken else 0


def _publish(options: argparse.Namespace) -> int:
    from vicreg.hub.downloads import publish
    from vicreg.runs.folder import find_runs
    from vicreg.storage import paths

    found, broken = find_runs()
    for sentence in broken:
        print(f"vicreg: {sentence}", file=sys.stderr)
    bundled = [name for name, run in found.items() if run.folder.parent == paths.BUNDLED]
    runs = _chosen(options.runs or bundled, found)
    with _Bars() as bars:
        commit = publish(options.repo, runs, private=options.private, on_progress=bars.stage)
    print(f"{len(runs)} runs, pinned as {options.repo}@{commit}. To load them:")
    for run in runs:
        print(f'vicreg.load("{options.repo}@{commit}", run="{run.name}")')
    return 0


def _download(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from vicreg.hub import downloads
    from vicreg.storage.hub_client import parse

    named = bool(options.words) and "/" in options.words[0]
    repo = options.words[0] if named else downloads.default_repo()
    if not repo:
        raise ValueError("name a repository, OWNER/NAME[@REVISION], or set VICREG_HUB to one")
    shelf = downloads.look(*parse(repo))
    names = options.words[named:] or [name for name, entry in shelf.runs.items() if not entry.readable]
    rows = [("run", "data set", "encoder", "epochs", "MB", "to fetch, MB")]
    for name, entry in shelf.runs.items():
        if entry.readable:
            print(f"vicreg: {entry.readable}", file=sys.stderr)
        else:
            missing = f"{downloads.missing_bytes(shelf, [name]) / 1e6:.1f}" if name in names else "-"
            size = f"{entry.bytes / 1e6:.1f}"
            rows.append((name, entry.dataset, entry.encoder, str(entry.epochs or "-"), size, missing))
    _print_table(rows)
    try:
        with tqdm(total=downloads.missing_bytes(shelf, names), unit="B", unit_scale=True, desc=shelf.repo) as bar:
            downloads.download(shelf, names, on_bytes=lambda done, total: bar.update(done - bar.n))
    except KeyboardInterrupt:
        print("Stopped. What was here before is still here, and the same command goes on from there.", file=sys.stderr)
        return 130
    print(f"{len(names)} runs are in the Hub's cache, pinned as {shelf.repo}@{shelf.commit}.")
    return 0


def _figures(run: Any) -> tuple[str, ...]:
    """A run's figures, as `list` and the README show them: probe, the study's, kNN, rank, AUROC, NMI."""
    from vicreg.claims import study_probe

    metrics = run.metrics
    if not metrics:
        return ("not yet", "", "", "", "", "")
    probe, study = metrics["probe"], None if run.baseline else study_probe(run.config)
    auroc, clusters = metrics.get("anomaly", {}).get("study", {}).get("auroc"), metrics.get("clusters")
    return (
        "{:.2f} ({:.2f} to {:.2f})".format(probe["accuracy"], *probe["interval"]),
        "" if study is None else str(study),
        f"{metrics['knn']['accuracy']:.2f}",
        f"{metrics['spectrum']['effective_rank']:.2f}",
        "" if auroc is None else f"{auroc:.3f}",
        "" if clusters is None else f"{clusters['nmi']:.3f}",
    )


def _config(options: argparse.Namespace) -> Config:
    if options.config is None:
        config = presets(options.dataset or "cifar10")[options.preset or "vicreg"]
    elif options.preset or options.dataset:
        raise ValueError("--config takes the place of --preset and --dataset: give it alone")
    else:
        config = _config_file(options.config)
    fields = {field.name for field in dataclasses.fields(config)}
    given = {k: v for k, v in vars(options).items() if k in fields and k not in ("preset", "dataset") and v is not None}
    if options.view_size is not None:
        given["views"] = dataclasses.replace(config.views, size=options.view_size)
    return dataclasses.replace(config, **given)


def _config_file(path: Path) -> Config:
    """The settings in a JSON file: a Config by itself, or under "config", as in job.json and a run's config.json."""
    import json

    try:
        found = json.loads(path.read_text("utf-8"))
        return Config.from_dict(found["config"] if isinstance(found, dict) and "config" in found else found)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"--config {path} cannot be used: {error}") from error


def _say(text: str) -> None:
    """Print a line at once. A log on a full disk is no reason to end."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


class _Bars:
    """tqdm bars: one for the steps, one for each stage of the evaluation. Where nobody watches, a line for each."""

    def __init__(self) -> None:
        self.bar: Any = None
        self.label = ""
        self.watched = sys.stderr.isatty()

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def _bar(self, label: str, total: int, unit: str) -> Any:
        from tqdm import tqdm

        if self.bar is None or self.label != label:
            if self.bar is not None:
                self.bar.close()
            self.bar, self.label = tqdm(total=total, desc=label, unit=unit, dynamic_ncols=True, mininterval=1), label
        return self.bar

    def training(self, progress: Any) -> None:
        """Show a vicreg.training.loop.Progress."""
        from tqdm import tqdm

        shot, terms = progress.snapshot, progress.terms
        figures = (
            f"epoch {progress.epoch}/{progress.epochs} total {terms['total']:.2f} var {terms['variance']:.3f} "
            f"inv {terms['invariance']:.3f} cov {terms['covariance']:.3f}"
        )
        if self.watched:
            bar = self._bar("training", progress.steps, "step")
            bar.set_postfix_str(figures, refresh=False)
            bar.update(progress.step - bar.n)
        elif progress.rows:
            _say(f"{figures}, {progress.seconds:.0f} s")
        if shot is not None:
            line = f"epoch {shot.epoch}: kNN {100 * shot.knn_accuracy:.2f} %, effective rank {shot.effective_rank:.0f}"
            (tqdm.write if self.watched else _say)(line)

    def stage(self, label: str, done: int, total: int) -> None:
        """Show how far a stage of the evaluation is."""
        if not self.watched:
            if label != self.label:
                self.label = label
                _say(f"{label} ...")
            return
        bar = self._bar(label, total, "it")
        bar.update(done - bar.n)


@contextlib.contextmanager
def _stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Ctrl-C, SIGTERM and a closed terminal ask for a stop after the step in progress; a second Ctrl-C ends at once."""
    asked = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            os._exit(130)
        asked = True
        if _rank() > 0 and not _joined():
            os._exit(128 + number)  # it waits for others that may never come
        if _rank() == 0:
            with contextlib.suppress(OSError):  # not by print, which a signal may have interrupted
                os.write(2, b"\nStopping after this step; Ctrl-C again quits at once, with the last saved state.\n")

    nohup = hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    names = ("SIGINT", "SIGTERM", "SIGBREAK", *(() if nohup else ("SIGHUP",)))
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
