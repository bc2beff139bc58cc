"""What a file is, by what little is told of it."""

import pytest

from bridge.transform.files import (
    data_source,
    data_url,
    default_name,
    file_source,
    media_type,
    url_source,
)
from bridge.transform.model import Base64Source, Source, UrlSource

PDF, PNG = "JVBERi0xLjQ=", "iVBORw0KGgo="
UNKNOWN = "application/octet-stream"


@pytest.mark.parametrize(
    "data, name, kind",
    [
        pytest.param(PDF, None, "application/pdf", id="by its beginning"),
        pytest.param(PDF, "a.txt", "application/pdf", id="whatever it is called"),
        pytest.param("AAAA", "A.CSV", "text/csv", id="by its name"),
        pytest.param("AAAA", "a.odd", UNKNOWN, id="by neither"),
        pytest.param("AAAA", None, UNKNOWN, id="without a name"),
    ],
)
def test_the_type_of_base64(data: str, name: str | None, kind: str) -> None:
    assert media_type(data, name) == kind
    assert file_source(data, name) == Base64Source(kind, data)


@pytest.mark.parametrize(
    "url, source",
    [
        pytest.param(f"data:image/png;base64,{PNG}", Base64Source("image/png", PNG), id="content"),
        pytest.param(
            f"DATA:image/png;name=x;BASE64,{PNG}", Base64Source("image/png", PNG), id="in capitals"
        ),
        pytest.param(f"data:;base64,{PNG}", Base64Source(UNKNOWN, PNG), id="without a type"),
        pytest.param(PNG, Base64Source("image/png", PNG), id="content without a head"),
        pytest.param("https://a.example/x", UrlSource("https://a.example/x"), id="a place"),
        pytest.param("data:text/plain,hi", UrlSource("data:text/plain,hi"), id="no base64"),
        pytest.param("data:image/png;base64", UrlSource("data:image/png;base64"), id="no content"),
        pytest.param("AAAA", UrlSource("AAAA"), id="who knows"),
    ],
)
def test_what_a_url_holds(url: str, source: Source) -> None:
    assert url_source(url) == source


def test_a_data_url_both_ways() -> None:
    source = Base64Source("text/csv", "YQ==")
    assert data_source(data_url(source)) == source
    assert file_source(data_url(source), "a.txt") == source


@pytest.mark.parametrize(
    "kind, name", [("application/pdf", "document.pdf"), ("image/odd", "document")]
)
def test_a_name_for_a_file_without_one(kind: str, name: str) -> None:
    assert default_name(kind) == name
