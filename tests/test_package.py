"""What `pip install .` installs: the library with the files that it reads, and its command."""

from __future__ import annotations

import fnmatch
import pkgutil
import re
import tomllib
from pathlib import Path

import yaml

from vicreg.cli.main import main

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_every_file_that_the_library_reads_is_part_of_the_package():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    folders = {file.parent for file in (ROOT / "vicreg").rglob("__init__.py")}
    for file in (ROOT / "vicreg").rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            assert file.parent in folders, f"{file} is in no package"
            assert file.suffix == ".py" or any(fnmatch.fnmatch(file.name, p) for p in patterns), file


def test_the_command_is_the_one_of_python_m_vicreg():
    assert pkgutil.resolve_name(PROJECT["project"]["scripts"]["vicreg"]) is main


def test_the_citation_is_that_of_the_readme():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))["preferred-citation"]
    readme = (ROOT / "README.md").read_text("utf-8")
    assert cited["title"] in readme
    assert " and ".join(f"{a['family-names']}, {a['given-names']}" for a in cited["authors"]) in readme


def test_the_readme_shows_every_page_and_every_picture_is_there():
    shown = re.findall(r"!\[[^\]]+\]\(docs/pictures/(\w+)\.webp\)", (ROOT / "README.md").read_text("utf-8"))
    assert sorted(shown) == sorted(file.stem for file in (ROOT / "pages").glob("*.py"))
    assert sorted(shown) == sorted(file.stem for file in (ROOT / "docs" / "pictures").glob("*.webp"))
