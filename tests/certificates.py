"""A certificate for servers on loopback, signed by the CA in mitmproxy's folder.

Who trusts that CA, as apps behind the proxy do, trusts these servers too.
"""

from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from mitmproxy.certs import CertStore
from mitmproxy.options import CONF_BASENAME, KEY_SIZE

CA = f"{CONF_BASENAME}-ca-cert.pem"


def certificate(confdir: Path) -> Path:
    """A file with the certificate and its key."""
    store = CertStore.from_store(confdir, CONF_BASENAME, KEY_SIZE)
    entry = store.get_cert("127.0.0.1", [x509.IPAddress(ip_address("127.0.0.1"))])
    key = entry.privatekey.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = confdir / "loopback.pem"
    file.write_bytes(key + entry.cert.to_pem())
    return file
