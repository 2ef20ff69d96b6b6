"""What a hosted server keeps from the Hub: files that are there and downloads that run, together."""

import pytest

from ui import hub_bytes
from ui.hub_bytes import reserved
from vicreg.storage.hub_errors import HubError


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """A hosted server with room for 100 bytes."""
    monkeypatch.setenv("SPACE_ID", "ada/vicreg")
    monkeypatch.setattr(hub_bytes, "HUB_BYTES", 100)
    monkeypatch.setattr(hub_bytes, "hub_cache", lambda: tmp_path)
    return tmp_path


@pytest.mark.fault(
    "two downloads begin together, and a hosted server has room for one", "a sentence for the second one"
)
def test_downloads_that_run_together_keep_no_more_than_the_bound(cache):
    with reserved(60) as first:
        with pytest.raises(HubError, match="This server is full"), reserved(60):
            pass
        (cache / "arrived").write_bytes(bytes(50))
        first.progress(50, 60)  # and now counts once
        with reserved(40):
            pass
    (cache / "arrived").unlink()
    with pytest.raises(RuntimeError), reserved(100):
        raise RuntimeError("a download that fails keeps no room")
    with reserved(100):
        pass


def test_on_ones_own_machine_there_is_no_bound(cache, monkeypatch):
    monkeypatch.delenv("SPACE_ID")
    with reserved(1_000):
        pass
