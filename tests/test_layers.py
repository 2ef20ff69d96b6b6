"""The doors between the rooms: who may import whom, read off the source, and what an import loads, in a fresh process."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "streamlit", "pandas", "sklearn", "altair", "huggingface_hub")

# The floors of vicreg/, from the ground up: a module imports from its own floor and from those below, never from above.
FLOORS = (
    "lazy_imports",
    "storage",
    "loss_terms",
    "glossary",
    "config",
    "presets",
    "study_results",
    "method",
    "data",
    "evaluation",
    "charts",
    "training",
    "runs",
    "claims",
    "lessons",
    "hub",
    "pipeline",
    "jobs",
    "cli",
    "__main__",
)
WATCHED = ("vicreg", "ui", "server", "pages", "app", "tests", "benchmarks", "streamlit")
# Which of WATCHED the modules of a package may import. `ui` needs the caches of a running server, so `server` may not.
MAY = {
    "vicreg": {"vicreg"},
    "server": {"server", "streamlit"},
    "ui": {"ui", "vicreg", "server", "streamlit"},
    "pages": {"ui", "vicreg", "streamlit"},
}


def sources(package: str) -> dict[str, Path]:
    """Every module of a package at any depth, by its dotted name."""
    files = sorted((ROOT / package).rglob("*.py"))
    names = (".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files)
    return {name.removesuffix(".__init__"): file for name, file in zip(names, files, strict=True)}


MODULES = {name: file for package in ("vicreg", "ui", "server") for name, file in sources(package).items()}


@cache
def imports(file: Path) -> set[str]:
    """What a file imports, at its top, inside functions and for type checkers alike: the modules' dotted names."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} imports relatively"
            names = {f"{node.module}.{name.name}" for name in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return found


def packages(file: Path) -> set[str]:
    """The top-level packages that a file imports."""
    return {name.split(".")[0] for name in imports(file)}


def floor(module: str) -> int:
    """The number of a vicreg module's floor; the package itself loads names on first use and no more."""
    return FLOORS.index(module.split(".")[1] if "." in module else "lazy_imports")


def loaded_by(code: str) -> set[str]:
    """The modules that are loaded after running code in a fresh process."""
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    return set(
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
        ).stdout.split()
    )


def test_every_room_of_the_library_is_on_a_floor():
    rooms = {name.split(".")[1] for name in sources("vicreg") if "." in name}
    assert rooms == set(FLOORS)


def test_nothing_imports_from_a_higher_floor():
    for module in sources("vicreg"):
        inside = {name for name in imports(MODULES[module]) if name.split(".")[0] == "vicreg"}
        assert not {name for name in inside if floor(name) > floor(module)}, module


def test_no_modules_import_each_other_in_a_circle():
    waiting = {name: {other for other in imports(file) if other in MODULES} - {name} for name, file in MODULES.items()}
    while free := {name for name, needs in waiting.items() if not needs & set(waiting)}:
        waiting = {name: needs for name, needs in waiting.items() if name not in free}
    assert not waiting


@pytest.mark.parametrize(("package", "allowed"), MAY.items(), ids=MAY)
def test_a_package_imports_only_what_it_may(package, allowed):
    for name, file in sources(package).items():
        assert packages(file) & set(WATCHED) <= allowed, name


@pytest.mark.parametrize("room", ["method", "evaluation"])
def test_what_takes_arrays_knows_no_charts_no_data_and_no_hub(room):
    for name, file in sources(f"vicreg/{room}").items():
        assert "altair" not in packages(file), name
        inside = {other.split(".")[1] for other in imports(file) if other.startswith("vicreg.")}
        assert not inside & {"charts", "data", "hub"}, name


def test_charts_import_pandas_and_altair_and_what_python_brings():
    for name, file in sources("vicreg/charts").items():
        foreign = packages(file) - set(sys.stdlib_module_names)
        assert foreign <= {"altair", "numpy", "pandas", "vicreg"}, name  # pandas brings numpy
        ours = {".".join(other.split(".")[:2]) for other in imports(file) if other.startswith("vicreg")}
        assert ours <= {"vicreg.charts", "vicreg.loss_terms"}, name


def test_the_first_chart_loads_altair_but_no_torch_and_no_scikit_learn():
    loaded = loaded_by("from vicreg import charts; charts.roc")
    assert not loaded & {"torch", "sklearn", "streamlit", "vicreg.data", "vicreg.runs"}
    assert {"altair", "pandas"} <= loaded


def test_packages_and_what_the_command_line_reads_first_load_nothing_heavy():
    light = {name for name in sources("vicreg") if MODULES[name].name == "__init__.py"}
    light |= {
        "vicreg.loss_terms",
        "vicreg.config",
        "vicreg.presets",
        "vicreg.claims",
        "vicreg.study_results",
        "vicreg.cli.main",
    }
    code = (
        "import runpy, sys\nsys.argv = ['vicreg', '--help']\n"
        "try: runpy.run_module('vicreg', run_name='__main__')\nexcept SystemExit: pass"
    )
    assert not loaded_by("".join(f"import {name}\n" for name in sorted(light)) + code) & set(HEAVY)


def test_reading_runs_loads_no_torch_and_an_encoder_loads_no_more_of_it_than_it_needs():
    code = (
        "import contextlib, io, sys\nimport vicreg.cli.main as m\nfrom vicreg.runs.folder import open_run\n"
        "with contextlib.redirect_stdout(io.StringIO()): m.main(['list'])\n"
        "run = open_run('checkpoints/coloured-digits-vicreg')\nrun.history\nrun.results('projections')\n"
        "assert not {'torch', 'streamlit', 'sklearn'} & set(sys.modules)\nrun.encoder"
    )
    loaded = loaded_by(code)
    assert "torch" in loaded
    assert not loaded & {"torchvision", "torch._dynamo"}  # each takes as long as torch itself


@pytest.mark.parametrize("package", ["vicreg", "vicreg.data", "vicreg.jobs"])
def test_every_public_name_of_a_package_resolves(package):
    found = __import__(package, fromlist=["x"])
    assert all(getattr(found, name) is not None for name in found.__all__)
    with pytest.raises(AttributeError, match="no attribute 'vigreg'"):
        _ = found.vigreg
