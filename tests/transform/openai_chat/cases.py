"""Content and the parts that it is, for the tests of both directions."""

from typing import Any

PDF = "JVBERi0xLjQ="
PNG = "iVBORw0KGgo="


def file(**fields: Any) -> dict[str, Any]:
    return {"type": "file", "file": fields}


def image(url: Any, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}
