"""Where the server says that the app is, and where it opens the browser."""

import pytest
import streamlit as st
from streamlit import config

from server import log

ELSEWHERE = "192.168.0.7"


@pytest.mark.parametrize(
    ("options", "own", "told"),
    [
        ({}, "http://localhost:8601", f"http://{ELSEWHERE}:8601"),
        ({"server.address": "0.0.0.0"}, "http://localhost:8601", f"http://{ELSEWHERE}:8601"),
        ({"server.baseUrlPath": "vicreg"}, "http://localhost:8601/vicreg", f"http://{ELSEWHERE}:8601/vicreg"),
        ({"server.sslCertFile": "cert.pem"}, "https://localhost:8601", f"https://{ELSEWHERE}:8601"),
        ({"server.address": "127.0.0.1"}, "http://127.0.0.1:8601", "http://127.0.0.1:8601"),
        ({"server.address": "10.1.2.3"}, "http://10.1.2.3:8601", "http://10.1.2.3:8601"),
        ({"browser.serverAddress": "app.example.org"}, "http://app.example.org:8601", "http://app.example.org:8601"),
    ],
)
def test_the_browser_opens_where_the_server_listens(monkeypatch, options, own, told):
    values = {"server.address": None, "browser.serverAddress": "localhost", "browser.serverPort": 8601}
    values |= {"server.port": 8601, "server.baseUrlPath": "", "server.sslCertFile": None} | options
    real = config.get_option
    for owner in (st, config):
        monkeypatch.setattr(owner, "get_option", lambda name: values[name] if name in values else real(name))
    monkeypatch.setattr(log, "get_internal_ip", lambda: ELSEWHERE)
    assert (log.own_address(), log.address()) == (own, told)
