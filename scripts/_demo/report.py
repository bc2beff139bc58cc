"""mitmproxy addon of the demo: prints what the bridge left on each flow, as one line of JSON.

And before that, that it started well: mitmproxy listens a moment before it knows.
"""

import json

from mitmproxy import http

READY = "demo-ready"
MARK = "demo-flow "


def running() -> None:
    print(READY, flush=True)


def response(flow: http.HTTPFlow) -> None:
    if "bridge" in flow.metadata:
        report = {"comment": flow.comment, **flow.metadata["bridge"]}
        print(MARK + json.dumps(report), flush=True)
