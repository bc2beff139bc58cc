"""Flows whose message text is masked, where the configuration asks for it: `mask: true`.

It happens when all has been sent and before anything is saved. Hard part: mitmproxy saves a flow
before it sends a whole answer, so with masks the bridge sends that first.
"""

from mitmproxy import http

from ..mask import mask

MASKED = "masked"  # in a record: its text says nothing any more


def mask_flow(flow: http.HTTPFlow) -> None:
    """Of a call, or of an attempt that has a flow of its own; other flows stay as they are."""
    record = flow.metadata.get("bridge")
    attempt = flow.metadata.get("bridge_attempt")
    if record is not None:
        bodies = {name: mask(text) for name, text in record.get("bodies", {}).items()}
        flow.metadata["bridge"] = {**record, "bodies": bodies, MASKED: True}
        if shadow := record.get("shadow"):
            shadowed = {**shadow, "request": mask(shadow.get("request", ""))}
            flow.metadata["bridge"]["shadow"] = shadowed
    elif attempt is not None:
        request = mask(attempt["client_request"])
        flow.metadata["bridge_attempt"] = {**attempt, "client_request": request, MASKED: True}
    else:
        return
    for message in (flow.request, flow.response):
        if message is not None and message.raw_content:
            text = (message.get_content(strict=False) or b"").decode("utf-8", "replace")
            message.content = mask(text).encode("utf-8", "surrogatepass")
