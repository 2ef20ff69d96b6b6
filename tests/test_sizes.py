"""Rooms stay small: no file over 300 lines, no function over 60 without its docstring, a README under 250."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = [
    file
    for place in ("app.py", "pages", "server", "ui", "vicreg")
    for file in [ROOT / place, *sorted((ROOT / place).rglob("*"))]
    if file.suffix in {".py", ".js", ".css", ".html", ".svg"}
]


def function_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """From `def` to the last line, without the docstring."""
    first = function.body[0] if ast.get_docstring(function) else None
    return function.end_lineno - function.lineno + 1 - (first.end_lineno - first.lineno + 1 if first else 0)


def test_no_file_has_more_than_300_lines():
    lengths = {str(file.relative_to(ROOT)): len(file.read_text("utf-8").splitlines()) for file in FILES}
    assert not {file: length for file, length in lengths.items() if length > 300}


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 250


def test_no_function_has_more_than_60_lines():
    lengths = {
        f"{file.relative_to(ROOT)}: {node.name}": function_lines(node)
        for file in FILES
        if file.suffix == ".py"
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(lengths) > 500  # it looked at something
    assert not {name: length for name, length in lengths.items() if length > 60}
