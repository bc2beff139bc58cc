"""Errors of Responses: in a stream an `error` event and then `response.failed`.

The live service nests the `error` event against its own documentation; `form` picks what comes:
`both` (as the live service), `flat` (as documented, then failed), `error` or `failed` alone.
"""

from typing import Any

from ..dialect import Answer, Frame, Rejected, named
from ..openai_errors import details
from ..openai_errors import error as error
from ..openai_errors import failure as failure
from ..openai_errors import headers as headers
from .answer import skeleton

Json = Any


def error_frames(answer: Answer, problem: Rejected, sent: int, form: str) -> list[Frame]:
    number = {"sequence_number": sent}
    if form == "flat":
        shown = {key: details(problem)[key] for key in ("code", "message", "param")}
        event = {"type": "error", **shown, **number}
    else:
        event = {"type": "error", "error": details(problem), **number}
    failed = {
        "type": "response.failed",
        "response": error_body(answer, problem),
        "sequence_number": sent + (form != "failed"),
    }
    frames = {"error": named("error", event), "failed": named("response.failed", failed)}
    return [frames[form]] if form in frames else list(frames.values())


def error_body(answer: Answer, problem: Rejected) -> Json:
    error = {"code": problem.code or "server_error", "message": problem.message}
    return {**skeleton(answer), "status": "failed", "error": error}
