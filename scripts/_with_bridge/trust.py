"""Files of certificates an app is told to trust: the public roots, its own, and the proxy's CA.

In: the CA, and the environment as it was. Out: two files in mitmproxy's folder. They stay there,
because a command may leave a program behind that reads them later; and a file is named after what
is in it, so that two bridges with two CAs are not in each other's way.
"""

import hashlib
import os
import re
import ssl
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import certifi

from .variables import VARIABLES

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.S)


def files(folder: Path, ca: str, had: Mapping[str, str]) -> tuple[Path, Path]:
    """The bundle with the roots, and the file for apps that add to roots of their own."""
    extra = [*_named("{ca}", had), ca]
    roots = [*_named("{bundle}", had), _read(ssl.get_default_verify_paths().openssl_cafile)]
    return _file(folder, [*roots, _read(certifi.where()), *extra]), _file(folder, extra)


def _named(form: str, had: Mapping[str, str]) -> Iterator[str]:
    """What the variables that we are going to set say now: a company's own CA may be in it."""
    for name, value in VARIABLES.items():
        if value == form and name in had:
            yield _read(had[name])


def _read(path: str) -> str:
    """Empty where nothing can be read: an app that was told of such a file did without it too."""
    try:
        return Path(path).expanduser().read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _file(folder: Path, texts: Iterable[str]) -> Path:
    found = dict.fromkeys(block for text in texts for block in CERTIFICATE.findall(text))
    content = ("\n".join(found) + "\n").encode()
    path = folder / f"llm-bridge-{hashlib.sha256(content).hexdigest()[:16]}.pem"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, fresh = tempfile.mkstemp(dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(fresh).chmod(0o644)  # no secret, and the app may run as somebody else
        Path(fresh).replace(path)
    return path
