"""The doors between the rooms, each import in a fresh process: who may load what."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "streamlit", "pandas", "sklearn", "altair", "huggingface_hub")


def loaded_by(code: str) -> set[str]:
    """The modules that are loaded after running code in a fresh process."""
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    return set(
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
        ).stdout.split()
    )


def modules(package: str) -> list[str]:
    """Every module of a package, by its dotted name."""
    folder = ROOT / package.replace(".", "/")
    return sorted(f"{package}.{path.stem}" for path in folder.glob("*.py") if not path.stem.startswith("__"))


def test_import_vicreg_loads_nothing_heavy():
    assert not loaded_by("import vicreg").intersection(HEAVY)


def test_the_command_lines_help_loads_nothing_heavy():
    code = (
        "import runpy, sys\nsys.argv = ['vicreg', '--help']\n"
        "try: runpy.run_module('vicreg', run_name='__main__')\nexcept SystemExit: pass"
    )
    assert not loaded_by(code).intersection(HEAVY)


def test_list_loads_no_torch():
    code = (
        "import vicreg.cli.main as m, io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()): m.main(['list'])"
    )
    assert not loaded_by(code).intersection({"torch", "streamlit", "sklearn"})


@pytest.mark.parametrize("module", [*modules("vicreg"), *modules("vicreg.evaluation"), *modules("vicreg.charts")])
def test_the_library_never_loads_streamlit_or_the_pages(module):
    loaded = loaded_by(f"import {module}")
    assert not loaded.intersection({"streamlit", "ui", "app"})
    if module.startswith("vicreg.evaluation"):
        assert not loaded.intersection({"altair", "vicreg.data.loading", "vicreg.hub.downloads", "vicreg.charts"})


def test_charts_load_only_pandas_and_altair():
    loaded = loaded_by("import vicreg.charts")
    assert not loaded.intersection({"torch", "sklearn", "streamlit", "vicreg.data.loading", "vicreg.runs.folder"})
    assert {"altair", "pandas"} <= loaded


def test_claims_load_nothing_heavy():
    assert not loaded_by("import vicreg.claims").intersection(HEAVY)


def test_every_public_name_of_the_package_resolves():
    code = "import vicreg\nfor name in vicreg.__all__: assert getattr(vicreg, name) is not None"
    loaded_by(code)
    import vicreg

    with pytest.raises(AttributeError, match="no attribute 'vigreg'"):
        _ = vicreg.vigreg
