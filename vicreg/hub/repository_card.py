"""The model card of a Hub repository: its README.md, a table of its runs."""

from __future__ import annotations

from collections.abc import Mapping

from vicreg.hub.index import INDEX
from vicreg.runs.json_files import SCHEMA
from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import WEIGHTS_FILE

CARD = "README.md"


def repo_card(repo: str, runs: Mapping[str, JsonObject]) -> str:
    """The repository's model card: Markdown with front matter that has one result per data set and run.

    runs: `runs` of an index.json that `read_index` accepts. Runs of another schema are only listed by name.
    """
    from vicreg.data.catalogue import CATALOGUE
    from vicreg.runs.run_card import front_matter, probe_result

    known = {name: run for name, run in runs.items() if run["schema"] == SCHEMA}
    readable = {name: run for name, run in known.items() if run["dataset"] in CATALOGUE}
    specs = {run["dataset"]: CATALOGUE[run["dataset"]] for run in readable.values()}
    results = [
        probe_result(
            run["dataset"],
            round(run["probe"]["accuracy"], 2),
            "{}: linear probe (95 % interval {:.2f} to {:.2f}), {}".format(
                name, *run["probe"]["interval"], run["probe"].get("protocol", "protocol not given")
            ),
        )
        for name, run in readable.items()
        if run.get("probe")
    ]
    example = next((name for name, run in readable.items() if WEIGHTS_FILE in run["files"]), next(iter(runs), "RUN"))
    data = ", ".join(
        f"{spec.title} ({f'the Hub data set {spec.repo}' if spec.repo else 'generated on your machine, no download'})"
        for spec in specs.values()
    )
    rows = "\n".join(_row(name, run) if name in known else f"| {name} | | | | |" for name, run in runs.items())
    return f"""{front_matter(repo.split("/")[1], specs, results)}
# {repo.split("/")[1]}

Runs of VICReg (Bardes, Ponce, LeCun 2022), one folder each; {INDEX} lists every file with its size and sha256. Each
folder's own {CARD} says how it was trained and measured.

| run | encoder | epochs | linear probe, % | MB |
| --- | --- | --- | --- | --- |
{rows}

Linear probe: accuracy on the test split with its 95 % bootstrap interval; the card's metadata gives the protocol.
Pictures: {data or "see each run"}. Licence: MIT.

```python
import vicreg

run = vicreg.load("{repo}", run="{example}")
representations = vicreg.encode(run.encoder, images)  # uint8 (N, 32, 32, 3) -> float32 (N, width)
```

Everything for the app and the command line: `python -m vicreg download {repo}`.
"""


def _row(name: str, run: JsonObject) -> str:
    probe = run.get("probe")
    figure = "{:.2f} ({:.2f} to {:.2f})".format(probe["accuracy"], *probe["interval"]) if probe else ""
    return f"| {name} | {run['encoder']} | {run['epochs'] or '-'} | {figure} | {run['bytes'] / 1e6:.1f} |"
