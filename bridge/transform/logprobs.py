"""Log probabilities of tokens, as OpenAI's two protocols tell them.

Hard part: servers add keys of their own (token ids, offsets), which apps that check types refuse,
and give entries that have no number.
"""

from collections.abc import Iterable, Iterator

from .fields import objects_of, text_of
from .json_text import Json


def encode_scores(given: Iterable[Json], *, spelled: bool) -> list[Json]:
    """`spelled`: the bytes of each token have to be there."""
    return [
        {**score, "top_logprobs": [other for _, other in _scores(others, spelled)]}
        for others, score in _scores(list(given), spelled)
    ]


def _scores(entries: Json, spelled: bool) -> Iterator[tuple[Json, dict[str, Json]]]:
    """Each one that has a number, and the others it was chosen from."""
    for entry in objects_of(entries):
        score, token = entry.get("logprob"), text_of(entry.get("token"))
        if isinstance(score, int | float) and not isinstance(score, bool):
            known = _bytes(entry.get("bytes"))
            if known is None and spelled:
                known = list(token.encode("utf-8", "replace"))
            yield entry.get("top_logprobs"), {"token": token, "logprob": score, "bytes": known}


def _bytes(given: Json) -> list[int] | None:
    if not isinstance(given, list) or not all(isinstance(byte, int | float) for byte in given):
        return None
    return [int(byte) for byte in given]
