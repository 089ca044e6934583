"""URLs taken apart."""

import pytest

from app.domain.http_url import HttpUrl, HttpUrlError, split_http_url


@pytest.mark.parametrize(
    ("url", "parts", "host_header"),
    [
        ("https://a.example", HttpUrl("https", "a.example", 443, "/"), "a.example"),
        ("HTTP://A.Example/x?y=z", HttpUrl("http", "a.example", 80, "/x?y=z"), "a.example"),
        ("http://a.example:443/", HttpUrl("http", "a.example", 443, "/"), "a.example:443"),
        (
            "https://bücher.example/",
            HttpUrl("https", "xn--bcher-kva.example", 443, "/"),
            "xn--bcher-kva.example",
        ),
        ("https://[2001:DB8::1]:1/", HttpUrl("https", "2001:db8::1", 1, "/"), "[2001:db8::1]:1"),
        ("http://192.0.2.1", HttpUrl("http", "192.0.2.1", 80, "/"), "192.0.2.1"),
    ],
)
def test_url_is_taken_apart(url: str, parts: HttpUrl, host_header: str) -> None:
    assert split_http_url(url) == parts
    assert parts.host_header == host_header


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("", "host name"),
        ("a.example/x", "host name"),
        ("//a.example", "must begin with http:// or https://"),
        ("ftp://a.example", "must begin with http:// or https://"),
        ("https://", "host name"),
        ("https://a b.example", "spaces"),
        ("https://a.example/\r\nHost: b.example", "control characters"),
        ("https://a.example/\x00", "control characters"),
        ("https://a.example\\@b.example", "backslashes"),
        ("https://a.example/#x", "fragment"),
        ("https://u:p@a.example", "user name"),
        ("https://a.example:0", "port"),
        ("https://a.example:65536", "host name"),
        ("https://a.example:x", "host name"),
        ("https://a_b.example", "host name"),
        ("https://[::1", "host name"),
        ("https://a.example/ü", "percent-encoded"),
    ],
)
def test_url_that_parsers_might_take_for_another_is_refused(url: str, fault: str) -> None:
    with pytest.raises(HttpUrlError, match=fault):
        split_http_url(url)


def test_plain_http_can_be_refused() -> None:
    with pytest.raises(HttpUrlError, match="must begin with https://"):
        split_http_url("http://a.example", only_https=True)


def test_path_is_in_no_repr() -> None:
    assert "k3y" not in repr(split_http_url("https://a.example/ping/k3y?k3y"))
