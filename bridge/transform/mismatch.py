"""Which protocol an answer is written in, where it is not its upstream's: set up wrongly, then."""

from .json_text import loads
from .model import Protocol


def protocol_of(text: str | bytes) -> Protocol | None:
    """By a whole answer, or the first event of one; None where it could be anybody's."""
    try:
        payload = loads(text)
    except ValueError:
        return None
    if not isinstance(payload, dict):
        return None
    kind = payload.get("type")
    if isinstance(payload.get("choices"), list):
        return "openai_chat"
    if payload.get("object") == "response" or str(kind).startswith("response."):
        return "openai_responses"
    return "anthropic_messages" if kind in ("message", "message_start") else None
