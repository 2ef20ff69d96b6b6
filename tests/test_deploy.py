"""The hosted demo: Dockerfile, the README's front matter for a Space, and Streamlit's settings agree and are known.

No Docker engine is needed: the Dockerfile is read, and what it copies is run.
"""

from __future__ import annotations

import fnmatch
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from vicreg.data.uploaded_picture import MAX_BYTES

ROOT = Path(__file__).parents[1]
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
HUB_COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order: (name, the rest), continued lines joined."""
    lines = [line for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def rest(name: str) -> list[str]:
    return [text for instruction, text in instructions() if instruction == name]


def where(name: str, contains: str) -> int:
    """The position of the one instruction that contains a text."""
    (found,) = [i for i, (kind, text) in enumerate(instructions()) if kind == name and contains in text]
    return found


def environment() -> dict[str, str]:
    return dict(word.split("=", 1) for text in rest("ENV") for word in shlex.split(text))


def command(name: str) -> list[str]:
    """The words of CMD, or of the command of HEALTHCHECK."""
    (text,) = rest(name)
    return json.loads(text[text.index("[") :])


def started(**variables: str) -> list[str]:
    """The words of the server's command, as the image's shell makes them of CMD."""
    shell, option, text = command("CMD")
    assert (shell, option, text[:5]) == ("sh", "-c", "exec ")  # or signals would not reach the server
    told = [shell, option, f"printf '%s\\n' {text[5:]}"]
    return subprocess.run(told, env=variables, capture_output=True, text=True, check=True).stdout.split()


def copied() -> list[str]:
    """What is copied into the image, by its path in this folder."""
    return [source for text in rest("COPY") for source in text.split()[:-1]]


def settings() -> dict[str, object]:
    """Streamlit's settings: `section.key` -> value."""

    def flat(table: dict, prefix: str = "") -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in table.items():
            found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
        return found

    return flat(tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8")))


@pytest.fixture(scope="module")
def known() -> dict:
    """The options of the Streamlit that is installed."""
    from streamlit import config

    return config.get_config_options()


def test_the_front_matter_makes_the_repository_a_docker_space():
    text = (ROOT / "README.md").read_text("utf-8")
    assert text.startswith("---\n")
    front = yaml.safe_load(text.split("---\n")[1])
    assert (front["sdk"], front["app_port"], front["license"]) == ("docker", 8501, "mit")
    assert front["title"]
    assert re.fullmatch(r"[\U0001F300-\U0001FAFF]", front["emoji"])
    assert {front["colorFrom"], front["colorTo"]} <= HUB_COLOURS
    assert 0 < len(front["short_description"]) <= 60  # the Hub turns down a longer one
    assert front["datasets"] == ["uoft-cs/cifar10", "ylecun/mnist"]
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License")


# The image


def test_everything_that_is_copied_is_there_and_not_ignored():
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    for source in copied():
        assert (ROOT / source).exists(), source
        files = [path for path in (ROOT / source).rglob("*") if path.is_file()] or [ROOT / source]
        names = [file.relative_to(ROOT).as_posix() for file in files if "__pycache__" not in file.parts]
        for name in names:
            ignored = False
            for rule in rules:  # the last one that fits decides, as Docker does it
                keep, pattern = rule.startswith("!"), rule.removeprefix("!").removeprefix("**/")
                parts = itertools.accumulate(name.split("/"), lambda a, b: f"{a}/{b}")
                if any(fnmatch.fnmatchcase(part, pattern) for part in parts):
                    ignored = not keep
            assert not ignored or name.startswith("checkpoints/."), name


def test_torch_comes_from_pytorchs_cpu_index_before_the_requirements():
    install = where("RUN", CPU_INDEX)
    copy, requirements = where("COPY", "requirements.txt"), where("RUN", "-r requirements.txt")
    assert install < copy < requirements
    bounds = shlex.split(instructions()[install][1])[-2:]
    wanted = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line.startswith("torch")]
    assert bounds == wanted  # or the second step would install torch again, with CUDA
    assert "index" not in (ROOT / "requirements.txt").read_text()


def test_it_runs_as_user_1000_whose_home_holds_every_cache():
    assert "useradd --create-home --uid 1000 user" in rest("RUN")
    assert rest("USER") == ["1000"]
    names = [name for name, _ in instructions()]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name in ("COPY", "RUN"))  # the app is root's
    assert not any("--chown" in text for text in rest("COPY"))
    variables = environment()
    assert variables["HOME"] == "/home/user"
    for name in ("VICREG_CACHE", "HF_HOME"):
        assert variables[name].startswith("/home/user/")
        assert not variables[name].startswith(rest("WORKDIR")[0])


def test_the_port_is_one_everywhere():
    front = yaml.safe_load((ROOT / "README.md").read_text("utf-8").split("---\n")[1])
    assert rest("EXPOSE") == [str(front["app_port"])]
    assert started()[:3] == ["streamlit", "run", "app.py"]
    assert {"--server.port=8501", "--server.address=0.0.0.0", "--server.headless=true"} == set(started()[3:])
    assert "http://127.0.0.1:8501/_stcore/health" in command("HEALTHCHECK")[-1]
    # On a laptop `streamlit run app.py` opens the browser, at an address and port of one's own.
    assert not {"server.port", "server.address", "server.headless"} & set(settings())
    assert settings()["server.showEmailPrompt"] is False  # which would keep the first start waiting in the terminal


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_tells_a_well_server_from_a_sick_one(status, healthy):
    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/_stcore/health" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    python, *words = command("HEALTHCHECK")
    assert python == "python"
    words[-1] = words[-1].replace(":8501", f":{server.server_port}")
    clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    result = subprocess.run([sys.executable, *words], env=clean, capture_output=True, timeout=20)
    server.shutdown()
    server.server_close()
    assert (result.returncode == 0) is healthy


def test_what_is_copied_is_enough_for_the_lab_without_torch_and_the_start_page_and_nothing_is_written_there(tmp_path):
    app = tmp_path / "app"
    app.mkdir()
    for source in copied():
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, app / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, app / source)
    before = {path: path.stat().st_mtime_ns for path in app.rglob("*")}
    code = (
        "import sys\nfrom streamlit.testing.v1 import AppTest\n"
        "at = AppTest.from_file('app.py', default_timeout=120).switch_page('pages/lab.py').run()\n"
        "assert not at.exception, at.exception\nassert 'torch' not in sys.modules\n"
        "at.switch_page('pages/start.py').run()\n"
        "assert not at.exception, at.exception\nassert at.title[0].value\n"
    )
    outside = {"VICREG_CACHE": str(tmp_path / "cache"), "HF_HOME": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VICREG_")}
    clean |= outside | {"PYTHONDONTWRITEBYTECODE": "1", "HOME": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", code], cwd=app, env=clean, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    assert {path: path.stat().st_mtime_ns for path in app.rglob("*")} == before


# Streamlit's settings


def test_every_setting_is_known_and_of_its_kind(known):
    for key, value in settings().items():
        assert key in known, key
        assert not known[key].deprecated, key
        if not isinstance(value, list):
            assert isinstance(value, known[key].type), key


def test_every_setting_of_the_dockerfile_is_known(known):
    assert {word.split("=")[0].removeprefix("--") for word in started(SPACE_ID="ada/vicreg")[3:]} <= set(known)
    variables = {option.env_var for option in known.values()}
    assert {name for name in environment() if name.startswith("STREAMLIT_")} <= variables
    assert known["server.xsrfCookieSameSite"].env_var in (ROOT / "docs" / "hosting.md").read_text("utf-8")


def test_uploads_are_bounded_and_guarded():
    found = settings()
    assert found["server.maxUploadSize"] * 1_000_000 == MAX_BYTES
    assert found["server.enableXsrfProtection"] is found["server.enableCORS"] is True
    assert found["server.enableStaticServing"] is False
    assert found["browser.gatherUsageStats"] is False
    assert found["client.showErrorDetails"] == "none"  # a visitor never sees what an exception says
    # Only where the app is shown inside another site's page and served over HTTPS: elsewhere it would end uploads.
    assert "server.xsrfCookieSameSite" not in found
    assert not any("XSRF" in name for name in environment())
    assert set(started(SPACE_ID="ada/vicreg")) - set(started()) == {"--server.xsrfCookieSameSite=none"}


def test_a_browser_makes_the_server_hold_no_more_than_a_message_to_a_browser_needs():
    # Streamlit refuses a message of more than maxWidgetStateSize only when it is there, and stops reading at maxMessageSize.
    assert settings()["server.maxWidgetStateSize"] == 2
    assert settings()["server.maxMessageSize"] == 20


def test_no_button_is_of_type_primary_whose_white_label_would_be_faint_in_the_dark():
    files = [file for folder in ("pages", "ui") for file in (ROOT / folder).rglob("*.py")]
    assert not [file.name for file in files if 'type="primary"' in file.read_text("utf-8")]


def test_nginx_takes_uploads_as_large_as_the_app_does_and_keeps_a_visitor_on_one_instance():
    text = (ROOT / "docs" / "nginx.conf").read_text("utf-8")
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", text)
    assert int(megabytes) * 1_000_000 > MAX_BYTES
    assert "hash $instance consistent;" in text
    assert "proxy_set_header Upgrade $http_upgrade;" in text  # pages speak over a websocket


def test_the_service_can_write_where_uploads_arrive_and_what_it_keeps():
    lines = (ROOT / "docs" / "vicreg.service").read_text("utf-8").splitlines()
    unit = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    assert unit["ProtectSystem"] == "strict"  # /tmp, too, can only be read
    assert unit["PrivateTmp"] == "true"  # for libraries that need a temporary file
    assert unit["ReadWritePaths"] == "/srv/vicreg"
    hosting = (ROOT / "docs" / "hosting.md").read_text("utf-8")
    assert f"--home-dir {unit['ReadWritePaths']} " in hosting
    assert "add it to `ReadWritePaths=`" in hosting
