"""Addresses that may be called."""

from __future__ import annotations

import pytest

from django_d7verify.clients.options import check_url
from django_d7verify.exceptions import ConfigurationError


@pytest.mark.parametrize(
    "url",
    [
        "https://api.d7networks.com",
        "https://api.d7networks.com:8443/prefix/",
        "https://192.0.2.1",
        "https://[2001:db8::1]:443",
        "http://127.0.0.1:8600",
        "http://127.8.9.10",
        "http://localhost:8600/d7",
        "http://[::1]:8600",
        "HTTPS://API.example.com",
    ],
)
def test_https_and_this_machine_are_taken(url):
    assert check_url(url, option="api_url") == url


@pytest.mark.parametrize(
    "url",
    [
        "http://api.d7networks.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://192.168.0.1",
        "http://0.0.0.0",
        "http://127.1",
        "http://2130706433",
        "http://[::]",
        "http://localhost@example.com",
        "http://example.com#@localhost",
        "http://example.com\\@localhost",
        "https://user:hunter2@api.example.com",
        "https://hunter2@api.example.com",
        "https://api.example.com?api_token=hunter2",
        "https://api.example.com/?",
        "https://api.example.com/#hunter2",
        "https://api.example.com:port",
        "https://api.example.com:99999",
        "https://api.example.com/a b",
        "https://api.example.com\\b",
        "https://api.example.com\n",
        "https://[::1",
        "https://",
        "https:///path",
        "https://пример.example",
        "ftp://api.example.com",
        "api.example.com",
        "//api.example.com",
        "",
        None,
        5,
    ],
)
def test_other_addresses_are_a_configuration_error(url):
    with pytest.raises(ConfigurationError) as caught:
        check_url(url, option="api_url")
    assert str(caught.value).startswith("api_url ")
    assert "hunter2" not in str(caught.value)
