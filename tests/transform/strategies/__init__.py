"""Random but legal requests and answers of each protocol, as clients and upstreams write them.

`REQUESTS` gives bodies; `ANSWERS` gives answers in both their forms. A protocol takes part in the
laws between protocols by a row in each.
"""

from collections.abc import Callable

from hypothesis import strategies as st

from bridge.transform.model import Protocol

from .chat import chat_answers, chat_requests
from .messages import messages_answers, messages_requests
from .pieces import NAMES, ODD_NAMES, Answer, Body, cut_up
from .responses import responses_answers, responses_requests

__all__ = ["ANSWERS", "NAMES", "ODD_NAMES", "REQUESTS", "Answer", "Body", "cut_up"]

REQUESTS: dict[Protocol, Callable[..., st.SearchStrategy[Body]]] = {
    "anthropic_messages": messages_requests,
    "openai_chat": chat_requests,
    "openai_responses": responses_requests,
}
ANSWERS: dict[Protocol, Callable[..., st.SearchStrategy[Answer]]] = {
    "anthropic_messages": messages_answers,
    "openai_chat": chat_answers,
    "openai_responses": responses_answers,
}
