"""What the bridge itself finds, asked from it."""

import json
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

FINDINGS = "http://bridge.local/api/doctor"
PATIENCE = 20  # seconds: it waits for its upstreams


def ask(url: str) -> list[dict[str, Any]] | None:
    """None where whoever is at `url` does not know."""
    try:
        place = urlsplit(url if "://" in url else f"http://{url}")
        connection = HTTPConnection(place.hostname or "", place.port or 80, timeout=PATIENCE)
        connection.request("GET", FINDINGS)
        with connection.getresponse() as answer:
            told = json.loads(answer.read()) if answer.status == 200 else None
        connection.close()
    except (OSError, HTTPException, ValueError):
        return None
    findings = told.get("findings") if isinstance(told, dict) else None
    return findings if isinstance(findings, list) else None
