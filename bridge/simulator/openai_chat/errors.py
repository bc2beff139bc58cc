"""Errors of Chat Completions, in a stream a data object and the end without `[DONE]`."""

from typing import Any

from ..dialect import Answer, Frame, Rejected, unnamed
from ..openai_errors import details
from ..openai_errors import error as error
from ..openai_errors import failure as failure
from ..openai_errors import headers as headers

Json = Any


def error_frames(answer: Answer, problem: Rejected, sent: int, form: str) -> list[Frame]:
    del answer, sent, form
    return [unnamed({"error": details(problem)})]


def error_body(answer: Answer, problem: Rejected) -> Json:
    del answer
    return {"error": details(problem)}
