"""The log that a lecturer reads: one line for each event, with its time, and no traceback for an expected problem."""

from __future__ import annotations

import logging
import sys

import streamlit as st
from streamlit.net_util import get_internal_ip
from streamlit.web.server.server_util import get_url

LOG = logging.getLogger("vicreg")
FORMAT = "%(asctime)s  %(message)s"
ANY = ("", "0.0.0.0", "::")  # addresses that mean every network of this machine


def begin() -> None:
    """Write the messages of `vicreg` to the terminal; the first one says where the app is."""
    if not LOG.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter(FORMAT, "%Y-%m-%d %H:%M:%S"))
        LOG.addHandler(handler)
        LOG.setLevel(logging.INFO)
        LOG.propagate = False
    LOG.info("The app is at %s", address())


def address() -> str:
    """Where others on this network find the app. A Space or a proxy has another address."""
    listens = str(st.get_option("server.address") or "")
    named = str(st.get_option("browser.serverAddress") or "localhost")
    if named != "localhost":
        return get_url(named)
    return get_url((get_internal_ip() or named) if listens in ANY else listens)


def own_address() -> str:
    """Where this machine's browser finds the app: as `address` if the server has a name or listens on one address only."""
    listens = str(st.get_option("server.address") or "")
    named = str(st.get_option("browser.serverAddress") or "localhost")
    return get_url("localhost") if listens in ANY and named == "localhost" else address()
