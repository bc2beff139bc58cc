"""Log probabilities: no key but those both protocols know, and no entry without a number."""

from typing import Any

import pytest

from bridge.transform.logprobs import encode_scores

SCORE: dict[str, Any] = {"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}


@pytest.mark.parametrize(
    "given, written",
    [
        pytest.param(SCORE, [SCORE], id="as it should be"),
        pytest.param({**SCORE, "id": 5, "token_id": 5, "text_offset": 0}, [SCORE], id="other keys"),
        pytest.param({**SCORE, "bytes": [97.0]}, [SCORE], id="bytes that are floats"),
        pytest.param({**SCORE, "bytes": ["a"]}, [{**SCORE, "bytes": None}], id="odd bytes"),
        pytest.param({"token": "a", "logprob": -1.0, "bytes": [97]}, [SCORE], id="no others"),
        pytest.param(
            {**SCORE, "top_logprobs": [{**SCORE, "id": 5}, {"token": "b"}, "?"]},
            [{**SCORE, "top_logprobs": [{"token": "a", "logprob": -1.0, "bytes": [97]}]}],
            id="the others too",
        ),
        pytest.param({**SCORE, "logprob": None}, [], id="no number"),
        pytest.param({**SCORE, "logprob": True}, [], id="true is none"),
        pytest.param("?", [], id="no object"),
    ],
)
def test_scores_are_written_as_documented(given: Any, written: list[Any]) -> None:
    assert encode_scores((given,), spelled=False) == written


def test_bytes_are_spelled_out_where_they_have_to_be_there() -> None:
    chat = {"token": "é", "logprob": -1.0, "bytes": None}
    [found] = encode_scores([{**chat, "top_logprobs": [chat, "?"]}, "?"], spelled=True)
    spelled = {**chat, "bytes": [195, 169]}
    assert found == {**spelled, "top_logprobs": [spelled]}
