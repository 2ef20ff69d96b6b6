"""kill -9 at random moments: of a trainer, a server and a downloader, until each has been killed fifty times.

    python -m benchmarks.kills [--kills 50] [--seed 0] [--only trainer]

After every kill the same work is started again on the same folders. A fault is whatever must not be there: a run that does not
verify, a state that cannot be resumed, a server that does not start, a page with an exception, a traceback in the log. At the
end the training finishes and must have the weights of one that nobody killed, and the download must be whole.
"""

import argparse
import contextlib
import hashlib
import http.server
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.viewers import ROOT, Visitor, started

RUN = "coloured-digits-vicreg"
SMALL = ["--images", "1024", "--batch-size", "64", "--epochs", "12", "--device", "cpu", "--skip-evaluation"]
TRAIN = [sys.executable, "-m", "vicreg", "train", "--dataset", "coloured-digits", *SMALL]
PAGES = ("training_curves", "maps", "retrieval", "probe", "anomalies", "clusters", "claims", "train")
COMMIT = "c" * 40
SLOW = 2**14, 0.03  # bytes, and the seconds between them, of the Hub's files


def main() -> None:
    """Print how often each was killed, at what age, and the faults."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=VICTIMS)
    options = parser.parse_args()
    for name in [options.only] if options.only else VICTIMS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            ages, faults = VICTIMS[name](Path(folder), options.kills, random.Random(options.seed))
        span = f"{min(ages):.1f} to {max(ages):.1f} s old" if ages else "none"
        print(
            f"{name:<11}{len(ages):>3} kills, {span}, {len(faults)} faults, {time.monotonic() - began:.0f} s",
            flush=True,
        )
        for fault in faults:
            print(f"    {fault}", flush=True)


def trainer(folder: Path, kills: int, chance: random.Random) -> tuple[list[float], list[str]]:
    """Kill one training again and again, and compare its weights with those of one that was left alone."""
    from vicreg.runs.folder import open_run, verify

    environment = here(folder)
    ages, faults = [], []
    while len(ages) < kills:
        process = subprocess.Popen(TRAIN, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        ages.append(killed(process, chance.uniform(0, 10)))
        if ages[-1] < 0:  # it had ended before
            ages.pop()
            faults += [] if process.returncode == 0 else [process.communicate()[0].decode()[-300:]]
            shutil.rmtree(folder / "runs")
    faults += finished(environment)
    weights = open_run(folder / "runs" / RUN).weights_sha256
    verify(open_run(folder / "runs" / RUN))
    shutil.rmtree(folder / "runs")
    faults += finished(environment)
    if open_run(folder / "runs" / RUN).weights_sha256 != weights:
        faults.append("the weights are not those of a training that was left alone")
    return ages, faults


def finished(environment: dict[str, str]) -> list[str]:
    """Let the training end; what it says if it does not."""
    ended = subprocess.run(TRAIN, cwd=ROOT, env=environment, capture_output=True, text=True)
    return [] if ended.returncode == 0 else [ended.stderr[-300:]]


def server(folder: Path, kills: int, chance: random.Random) -> tuple[list[float], list[str]]:
    """Kill a server while a visitor turns pages. Its caches and its Hub folder stay."""
    ages, faults = [], []
    while len(ages) < kills:
        process, url = started(folder, here(folder))
        threading.Thread(target=turn, args=(url, chance.random(), faults, process), daemon=True).start()
        ages.append(killed(process, chance.uniform(0, 5)))
    process, url = started(folder, here(folder))
    turn(url, 0, faults, process, once=True)
    process.kill()
    process.wait()
    if "Traceback" in (folder / "log").read_text("utf-8"):
        faults.append("a traceback in the log")
    return ages, faults


def turn(url: str, seed: float, faults: list[str], process: subprocess.Popen[bytes], *, once: bool = False) -> None:
    """Turn pages until the server is gone, or each page once."""
    pages = random.Random(seed).sample(PAGES, len(PAGES))
    try:
        with Visitor(url) as visitor:
            while True:
                for page in pages:
                    visitor.sent(page, "data=coloured-digits")
                if once:
                    return
    except RuntimeError as error:
        faults.append(str(error)[:200])
    except Exception as error:  # the connection of a killed server breaks in many ways, before the process is gone
        if once or lives(process):
            faults.append(f"{type(error).__name__}: {error}"[:200])


def lives(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process is still there after two seconds."""
    time.sleep(2)
    return process.poll() is None


def downloader(folder: Path, kills: int, chance: random.Random) -> tuple[list[float], list[str]]:
    """Kill a download from a slow Hub. Runs that are listed meanwhile must be whole."""
    ages, faults = [], []
    with slow_hub() as url:
        environment = here(folder) | {
            "HF_ENDPOINT": url,
            "HF_HUB_OFFLINE": "0",
            "HF_TOKEN": "",
            "HF_HUB_DISABLE_XET": "1",
        }
        environment |= {"HF_HUB_DISABLE_TELEMETRY": "1"}
        words = [sys.executable, "-m", "vicreg", "download", "ada/runs"]
        look = [sys.executable, "-c", LOOK]
        while len(ages) < kills:
            process = subprocess.Popen(
                words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            ages.append(killed(process, chance.uniform(0, 6)))
            if ages[-1] < 0:
                ages.pop()
                faults += [] if process.returncode == 0 else [process.communicate()[0].decode()[-300:]]
                shutil.rmtree(folder / "hub")
            else:
                seen = subprocess.run(look, cwd=ROOT, env=environment, capture_output=True, text=True)
                faults += [] if seen.returncode == 0 else [seen.stderr[-300:]]
        for ended in (
            subprocess.run(one, cwd=ROOT, env=environment, capture_output=True, text=True) for one in (words, look)
        ):
            faults += [] if ended.returncode == 0 else [ended.stderr[-300:]]
        if f"{len(runs())} runs" not in ended.stdout:
            faults.append(f"the last download ended with {ended.stdout}")
    return ages, faults


LOOK = """
from vicreg.hub.run_downloads import cached_runs
from vicreg.runs.folder import verify
runs, broken = cached_runs("ada/runs", "c" * 40)
assert not broken, broken
for run in runs.values():
    verify(run)
print(len(runs), "runs")
"""
VICTIMS = {"trainer": trainer, "server": server, "downloader": downloader}


def killed(process: subprocess.Popen[bytes], age: float) -> float:
    """Kill a process when it is so many seconds old. Returns its age; -1 if it had ended before."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(age)
        return -1
    process.kill()
    process.wait()
    return age


def here(folder: Path) -> dict[str, str]:
    """The environment of a process that keeps everything in the folder."""
    own = {"VICREG_CACHE": folder / "cache", "VICREG_RUNS": folder / "runs", "HF_HOME": folder / "hub"}
    plain = {name: value for name, value in os.environ.items() if name not in ("VICREG_DATA", "VICREG_HUB")}
    return plain | {name: str(path) for name, path in own.items()} | {"OMP_NUM_THREADS": "1"}


def runs() -> dict[str, Path]:
    """The runs that the Hub has: two bundled ones."""
    return {name: ROOT / "checkpoints" / name for name in ("coloured-digits-no-variance", "coloured-digits-pixels")}


@contextlib.contextmanager
def slow_hub() -> Iterator[str]:
    """The address of a Hub with one repository, whose files come slowly."""
    from vicreg.hub.index import index_value
    from vicreg.runs.folder import open_run

    files = {
        f"{name}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for name, folder in runs().items()
        for path in folder.rglob("*")
        if path.is_file()
    }
    index = {"schema": 1, "runs": {name: index_value(open_run(folder)) for name, folder in runs().items()}}
    files["index.json"] = json.dumps(index).encode()
    listed = [{"rfilename": name, "size": len(content)} for name, content in files.items()]
    about = json.dumps({"id": "ada/runs", "sha": COMMIT, "siblings": listed}).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            content = about if path.startswith("/api/models") else files.get(path.partition(f"/resolve/{COMMIT}/")[2])
            if content is None:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
            self.send_response(206 if start else 200)
            tag = hashlib.sha1(content).hexdigest()
            length = len(content) - start
            for name, value in {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT, "Content-Length": str(length)}.items():
                self.send_header(name, value)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            size, pause = SLOW
            with contextlib.suppress(OSError):
                for at in range(start, len(content) if self.command == "GET" else 0, size):
                    self.wfile.write(content[at : at + size])
                    time.sleep(pause)

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None: ...  # the connection of a killed client breaks

    served = Quiet(("127.0.0.1", 0), Handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{served.server_port}"
    finally:
        served.shutdown()


if __name__ == "__main__":
    main()
