"""Who is to blame for what came back, and whether another upstream may do better."""

from dataclasses import replace

import pytest

from bridge.config import Failover, parse
from bridge.outcomes import (
    BLAME,
    WORDS,
    Answered,
    Blame,
    Cancelled,
    ConnectionFailed,
    Outcome,
    blame,
    is_failure,
    kind_of,
    reason_of,
    went_wrong,
)
from bridge.transform.answers import Error, ErrorKind
from bridge.transform.errors import decode_error
from bridge.upstream import Target

UPSTREAMS = parse(
    "upstreams:\n"
    "  app: {protocol: openai_chat, url: http://a.test}\n"
    "  own: {protocol: openai_chat, url: http://b.test, api_key: k}",
    "config.yaml",
    {},
).upstreams
APPS_KEY, OWN_KEY = Target(UPSTREAMS["app"]), Target(UPSTREAMS["own"])


@pytest.mark.parametrize(
    "answer, own_key, expected",
    [
        pytest.param(Answered(200), True, None, id="a good answer: nobody"),
        pytest.param(Answered(400), True, None, id="a bad request: the app"),
        pytest.param(Answered(404), True, None, id="a wrong path: the app"),
        pytest.param(Answered(429), False, "key", id="429: the key, whoever's it is"),
        pytest.param(Answered(429, None, "billing"), False, "key", id="429 for an empty account"),
        pytest.param(Answered(429, None, "overloaded"), True, "key", id="429, whatever it says"),
        pytest.param(Answered(402), False, "key", id="402"),
        pytest.param(Answered(400, None, "billing"), True, "key", id="an empty account with 400"),
        pytest.param(Answered(200, None, "rate_limit"), True, "key", id="a limit inside a 200"),
        pytest.param(Answered(401), True, "key", id="401 for a key of the upstream's"),
        pytest.param(Answered(403), True, "key", id="403 for a key of the upstream's"),
        pytest.param(Answered(401), False, None, id="401 for the app's key: the app"),
        pytest.param(Answered(403), False, None, id="403 for the app's key: the app"),
        pytest.param(Answered(404, None, "model_not_found"), False, "model", id="no such model"),
        pytest.param(Answered(400, None, "model_not_found"), True, "model", id="the same with 400"),
        pytest.param(Answered(500), True, "upstream", id="500"),
        pytest.param(Answered(529), True, "upstream", id="529"),
        pytest.param(Answered(408), True, "upstream", id="408"),
        pytest.param(Answered(522), True, "upstream", id="a 5xx that nobody has heard of"),
        pytest.param(Answered(200, None, "overloaded"), True, "upstream", id="overloaded in a 200"),
        pytest.param(Answered(200, None, "timeout"), True, "upstream", id="silence in a 200"),
        pytest.param(Answered(500, None, "context_length"), True, None, id="500 for a long prompt"),
    ],
)
def test_blame(answer: Answered, own_key: bool, expected: Blame | None) -> None:
    assert blame(answer, own_key=own_key) == expected
    assert went_wrong(answer, own_key=own_key) == (expected is not None)


@pytest.mark.parametrize(
    "outcome, wrong",
    [
        pytest.param(ConnectionFailed("refused"), True, id="no answer"),
        pytest.param(Cancelled(), False, id="a client that hangs up"),
    ],
)
def test_what_is_no_answer(outcome: Outcome, wrong: bool) -> None:
    assert went_wrong(outcome, own_key=True) is wrong


@pytest.mark.parametrize(
    "answer, kind, reason",
    [
        (Answered(200), None, "200"),
        (Answered(304), None, "304"),
        (Answered(400), "invalid_request", "400"),
        (Answered(418), "invalid_request", "418"),
        (Answered(429), "rate_limit", "429 too many requests"),
        (Answered(429, None, "billing"), "billing", "429 the account cannot pay"),
        (Answered(401), "authentication", "401 the key is refused"),
        (Answered(404, None, "model_not_found"), "model_not_found", "404 no such model"),
        (Answered(503), "server", "503 server error"),
        (Answered(200, None, "overloaded"), "overloaded", "200 overloaded"),
    ],
)
def test_what_went_wrong_in_words(answer: Answered, kind: ErrorKind | None, reason: str) -> None:
    assert (kind_of(answer), reason_of(answer)) == (kind, reason)


def test_there_are_words_for_all_that_is_blamed() -> None:
    assert WORDS.keys() == BLAME.keys()


def error(kind: ErrorKind, status: int, code: str | None = None, message: str = "") -> Error:
    return Error(kind, message, status, code=code)


@pytest.mark.parametrize(
    "error, apps_key, own_key",
    [
        *(
            pytest.param(error("server", status), True, True, id=f"{status}: elsewhere")
            for status in (500, 502, 503, 501, 520, 530)
        ),
        pytest.param(error("timeout", 408), True, True, id="408: elsewhere"),
        pytest.param(error("timeout", 504), True, True, id="504: elsewhere"),
        pytest.param(error("overloaded", 529), True, True, id="529: elsewhere"),
        pytest.param(error("rate_limit", 429), True, True, id="429: elsewhere"),
        pytest.param(error("rate_limit", 413), True, True, id="a limit with another status"),
        pytest.param(error("overloaded", 400), True, True, id="overloaded with another status"),
        pytest.param(error("billing", 402), True, True, id="an account that cannot pay"),
        pytest.param(error("billing", 400), True, True, id="trap 13: the same as a bad request"),
        pytest.param(error("billing", 429), True, True, id="the same as a limit"),
        pytest.param(error("model_not_found", 404), True, True, id="a model that is not here"),
        pytest.param(error("model_not_found", 400), True, True, id="a model, as a bad request"),
        pytest.param(error("authentication", 401), False, True, id="a key: only if it is ours"),
        pytest.param(error("permission", 403), False, True, id="a permission: only of our key"),
        pytest.param(
            error("permission", 403, "unsupported_country_region_territory"),
            True,
            True,
            id="a country: that of the upstream, not of the app",
        ),
        pytest.param(
            error("invalid_request", 400, "Model_Decommissioned"),
            True,
            True,
            id="a model that is gone, in any case of letters",
        ),
        pytest.param(error("invalid_request", 400), False, False, id="a bad request: never"),
        pytest.param(error("context_length", 400), False, False, id="a long prompt: never"),
        pytest.param(error("context_length", 500), False, False, id="not even with 500"),
        pytest.param(error("too_large", 413), False, False, id="a large body: never"),
        pytest.param(error("conflict", 409), False, False, id="a conflict: never"),
        pytest.param(error("not_found", 404), False, False, id="a file that is not there: never"),
    ],
)
def test_what_is_tried_elsewhere(error: Error, apps_key: bool, own_key: bool) -> None:
    assert is_failure(error, APPS_KEY, Failover()) is apps_key
    assert is_failure(error, OWN_KEY, Failover()) is own_key


@pytest.mark.parametrize(
    "error, failover, expected",
    [
        pytest.param(
            error("invalid_request", 422),
            Failover(statuses=frozenset({422})),
            True,
            id="a status that somebody put on the list",
        ),
        pytest.param(
            error("authentication", 401),
            Failover(statuses=frozenset({401})),
            True,
            id="even one that is the app's business",
        ),
        pytest.param(
            error("server", 500),
            Failover(statuses=frozenset({429})),
            False,
            id="a status that somebody took off it",
        ),
        pytest.param(
            error("billing", 429),
            Failover(statuses=frozenset()),
            True,
            id="which says nothing about accounts",
        ),
        pytest.param(
            error("invalid_request", 400, message="Your ORG is\nblocked."),
            Failover(errors=("nothing", "*org is*blocked*")),
            True,
            id="trap 13: a message that somebody described, in any case, over lines",
        ),
        pytest.param(
            error("invalid_request", 400, message="Your org is blocked."),
            Failover(errors=("org is blocked",)),
            False,
            id="the description is of the whole message",
        ),
        pytest.param(
            error("context_length", 500, message="too long"),
            Failover(errors=("*",)),
            False,
            id="and of a 4xx alone",
        ),
    ],
)
def test_what_the_configuration_says(error: Error, failover: Failover, expected: bool) -> None:
    assert is_failure(error, APPS_KEY, failover) is expected


@pytest.mark.parametrize(
    "status, body, expected",
    [
        pytest.param(
            400,
            b'{"type":"error","error":{"type":"invalid_request_error","message":'
            b'"Your credit balance is too low to access the Anthropic API."}}',
            True,
            id="an empty account that calls itself a bad request",
        ),
        pytest.param(
            429,
            b'{"error":{"message":"You exceeded your current quota","type":"insufficient_quota",'
            b'"param":null,"code":"insufficient_quota"}}',
            True,
            id="an empty account that calls itself a limit",
        ),
        pytest.param(
            400,
            b'{"error":{"message":"The requested model \'x\' does not exist.","type":'
            b'"invalid_request_error","param":"model","code":"model_not_found"}}',
            True,
            id="a model that is not there",
        ),
        pytest.param(
            400,
            b'{"type":"error","error":{"type":"invalid_request_error","message":'
            b'"prompt is too long: 210000 tokens > 200000 maximum"}}',
            False,
            id="a prompt that is too long",
        ),
        pytest.param(503, b"<html>Service Unavailable</html>", True, id="a page of a balancer"),
        pytest.param(
            404,
            b'{"error":{"message":"tools is not supported in this model."}}',
            True,
            id="no tools",
        ),
        pytest.param(
            400,
            b'{"error":{"message":"gemma does not support tools"}}',
            True,
            id="the same as a 400",
        ),
        pytest.param(404, b"404 page not found", True, id="an address that is no endpoint"),
        pytest.param(404, b'{"detail":"Not Found"}', True, id="the same of another server"),
        pytest.param(
            404,
            b"<html><title>404 Not Found</title><h1>404 Not Found</h1>nginx</html>",
            True,
            id="the same as a page",
        ),
        pytest.param(
            404,
            b'{"type":"error","error":{"type":"not_found_error","message":"File not found: f_1"}}',
            False,
            id="a file that the app named",
        ),
        pytest.param(
            500, b'{"error":{"message":"tools are not supported here"}}', True, id="as any 500"
        ),
    ],
)
def test_errors_as_they_come(status: int, body: bytes, expected: bool) -> None:
    assert is_failure(decode_error(status, body), APPS_KEY, Failover()) is expected


def test_a_key_of_an_upstream_s_pool_is_its_own() -> None:
    pool = replace(OWN_KEY.upstream, api_keys=("one", "two"))
    assert is_failure(error("authentication", 401), Target(pool, 1), Failover())
