"""What asks the next upstream inside a request: all of the bridge that is inside mitmproxy.

This is the one module that reaches into mitmproxy's internals. `bridge.mitm.versions` tells whether
they are as it knows them, and imports it only then. `Resending` is the way in.
"""

from .connection import Resending as Resending
