"""Faults for the app under test, through a real mitmweb: what the official SDKs have to catch."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from mitmproxy import http

from bridge.simulator import Simulator, running
from scripts._processes import free_port
from tests.e2e.sdks.said import Said, Wish
from tests.e2e.sdks.trip import PROGRAMS
from tests.e2e.sdks.ways import APP, Way, asking, config
from tests.processes import Proxy, running_proxy, wait_until

pytestmark = pytest.mark.more

RAISED = (anthropic.AnthropicError, openai.OpenAIError, httpx2.TransportError)
TEXT = "[[text:Grüße 漢字 🙂 und mehr]][[call:weather]]"
# Who answers whom: every protocol on either side, and one that passes as it is.
TRIPS = {"messages": "chat", "chat": "responses", "responses": "messages"}
WAYS = ("HTTP/1.1", "HTTP/2")
TOKEN = "ab" * 16  # in a cookie and a header, as pages of one's own can do it only


class Web:
    """mitmweb with the addon; `inject` as a person there would."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self._page = httpx2.Client(
            base_url=proxy.wait_for(r"Web server listening at (http://[^/\s]+)")[1],
            trust_env=False,
            cookies=dict.fromkeys(("_xsrf", "_mitmproxy_xsrf"), TOKEN),
            headers={"x-xsrftoken": TOKEN, "authorization": "Bearer secret"},
        )

    def close(self) -> None:
        self._page.close()

    def command(self, name: str, *words: str) -> Any:
        answer = self._page.post(f"/commands/{name}", json={"arguments": words})
        assert answer.status_code == 200
        return answer.json()

    def inject(self, flow_filter: str, fault: str) -> None:
        assert fault.split()[0] in self.command("bridge.inject", flow_filter, fault)["value"]

    def shown(self) -> list[dict[str, Any]]:
        flows: list[dict[str, Any]] = self._page.get("/flows").json()
        return flows


@pytest.fixture(scope="module")
def world() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def web(world: Simulator, confdir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("inject")
    secret = ("--set", "web_password=secret", "--web-port", str(free_port()))
    options = ("--no-web-open-browser", *secret)
    with (
        running_proxy(folder, confdir, config(world), *options, tool="mitmweb") as proxy,
        closing(Web(proxy)) as made,
    ):
        yield made


@pytest.fixture
def sim(world: Simulator, web: Web) -> Simulator:
    web.command("bridge.inject", "clear")
    world.forget_requests()
    return world


class App:
    """A program with an SDK on its way to an upstream."""

    def __init__(self, name: str, web: Web, http2: bool) -> None:
        self.http2 = http2
        self.name, self.program = name, PROGRAMS[name](Way(web.proxy, http2))
        self.request = self.program.request(asking(TRIPS[name]), Wish(TEXT, weather=True))

    def raised(self, asked: str) -> Any:
        with pytest.raises(RAISED) as caught:
            getattr(self.program, asked)(self.request)
        return caught.value

    def said(self, asked: str) -> Said:
        said: Said = self.program.read(getattr(self.program, asked)(self.request))
        return said

    def pieces(self) -> tuple[str, Any]:
        """What a program shows of a stream before it has to catch something."""
        shown: list[str] = []
        with pytest.raises(RAISED) as caught:
            for piece in self.program.pieces(self.request):
                shown.append(piece)
        return "".join(shown), caught.value


@pytest.fixture(scope="module")
def apps(web: Web) -> Iterator[dict[tuple[str, str], App]]:
    made = {(name, way): App(name, web, way == "HTTP/2") for name in TRIPS for way in WAYS}
    yield made
    for app in made.values():
        app.program.client.close()


@pytest.fixture
def app(request: pytest.FixtureRequest, apps: dict[tuple[str, str], App], sim: Simulator) -> App:
    return apps[request.param]


every_app = pytest.mark.parametrize(
    "app",
    [
        pytest.param((name, way), id=f"{name}, {way}", marks=[pytest.mark.long] * ((n + m) % 2))
        for n, name in enumerate(TRIPS)
        for m, way in enumerate(WAYS)
    ],
    indirect=True,
)
both = pytest.mark.parametrize("asked", ["whole", "streamed"])

# fault -> what a Messages program has to catch, and the others
STATUSES = {
    "429 retry-after=3": ("RateLimitError", "RateLimitError"),
    "529": ("OverloadedError", "InternalServerError"),
    "500": ("InternalServerError", "InternalServerError"),
    "503": ("ServiceUnavailableError", "InternalServerError"),
    "400": ("BadRequestError", "BadRequestError"),
}


@every_app
@both
def test_a_status_is_the_exception_of_the_apps_vendor(
    web: Web, sim: Simulator, app: App, asked: str
) -> None:
    for fault, names in STATUSES.items():
        web.inject("~all", fault)
        error = app.raised(asked)
        assert type(error).__name__ == names[app.name != "messages"]
        assert error.status_code == int(fault[:3])
        assert error.response.headers.get("retry-after") == ("3" if "=" in fault else None)
    assert sim.requests() == []  # nobody was asked
    assert app.said(asked).text.startswith("Grüße")  # and the next one is well


@every_app
def test_an_error_inside_comes_behind_the_first_words(web: Web, sim: Simulator, app: App) -> None:
    web.inject("~all", "error after=2")
    text, error = app.pieces()
    assert text == "Grüße 漢字 " and "injected 529" in str(error)
    assert len(sim.requests()) == 1
    web.inject("~all", "error status=500")
    assert app.raised("whole").status_code == 500
    assert len(sim.requests()) == 1  # a whole answer has no inside


@every_app
@both
def test_a_cut_is_a_lost_connection(web: Web, app: App, asked: str) -> None:
    web.inject("~all", "cut")
    error = app.raised(asked)
    lost = isinstance(error, anthropic.APIConnectionError | openai.APIConnectionError)
    assert lost or isinstance(error, httpx2.RemoteProtocolError)
    assert app.said(asked).calls[0].name == "weather"  # over a new connection, or the same


@every_app
def test_what_came_before_a_cut_has_come(web: Web, app: App) -> None:
    web.inject("~all", "cut after=3")
    text, _ = app.pieces()
    assert text == "Grüße 漢字 🙂 "
    web.inject("~all", "cut")
    assert app.pieces()[0] == "Grüße 漢字 🙂 und mehr"


@every_app
@both
def test_silence_lasts_until_its_time_is_over(web: Web, app: App, asked: str) -> None:
    web.inject("~all", "stall seconds=300ms")
    app.raised(asked)
    assert web.shown()[-1]["error"]["msg"] == "the answer was cut"


@every_app
def test_an_app_may_give_up_earlier(web: Web, sim: Simulator, app: App) -> None:
    web.inject("~all", "stall")
    impatient = App(app.name, web, app.http2)
    for piece in impatient.program.pieces(impatient.request):
        if piece:
            impatient.program.client.close()
            break
    comment = wait_until(lambda: "stall" in (told := web.shown()[-1]["comment"]) and told, "it")
    assert comment.endswith("| injected: stall (behind 1 piece of content)")
    assert sim.until(lambda s: not s.state()["upstreams"][TRIPS[app.name]]["open"])


@every_app
@both
@pytest.mark.parametrize("fault", ["split", "split size=2", "slow first=100ms between=5ms"])
def test_late_or_in_pieces_the_answer_is_the_same(
    web: Web, app: App, asked: str, fault: str
) -> None:
    plain = app.said(asked)
    web.inject("~all", fault)
    assert app.said(asked) == plain
    assert f"injected: {fault} (" in web.shown()[-1]["comment"]


@every_app
@both
def test_nothing_is_no_answer(web: Web, sim: Simulator, app: App, asked: str) -> None:
    web.inject("~all", "empty")
    path = {"messages": "/v1/messages", "chat": "/chat/completions", "responses": "/responses"}
    answer = app.program.client.post(
        path[app.name], cast_to=httpx2.Response, body={**app.request, "stream": asked == "streamed"}
    )
    assert answer.status_code == 200 and answer.content == b"" and sim.requests() == []


@every_app
def test_an_sdk_that_tries_again_gets_over_it(web: Web, sim: Simulator, app: App) -> None:
    web.inject("~all", "500 retry-after=10ms count=2")
    patient = app.program.client.with_options(max_retries=2)
    call: Callable[..., Any] = {
        "messages": lambda: patient.messages.create,
        "chat": lambda: patient.chat.completions.create,
        "responses": lambda: patient.responses.create,
    }[app.name]()
    assert app.program.read(call(**app.request)).text.startswith("Grüße")
    assert len(sim.requests()) == 1


@every_app
def test_the_upstream_is_as_well_as_before(web: Web, app: App) -> None:
    for fault in ("cut", "error", "500", "stall seconds=100ms"):
        web.inject("~all", fault)
        app.raised("streamed")
    status = web.command("bridge.status")["value"]
    line = next(line for line in status.splitlines() if line.startswith(f"{TRIPS[app.name]} ("))
    assert line.endswith(": healthy")


def test_only_what_matches_fails(
    web: Web, sim: Simulator, apps: dict[tuple[str, str], App]
) -> None:
    messages, chat, responses = (apps[name, "HTTP/1.1"] for name in TRIPS)
    web.inject("~u chat/completions & ~bq weather", "429")
    assert messages.said("whole").calls and responses.said("whole").calls
    assert chat.raised("whole").status_code == 429
    assert web.command("bridge.inject")["value"] == "nothing is pending"


# --- without a route


def test_a_call_to_its_own_host_can_fail_too(
    world: Simulator, confdir: Path, tmp_path: Path
) -> None:
    nowhere: dict[str, Any] = {
        "intercept": {"hosts": ["127.0.0.1"]},
        "upstreams": {},
        "routes": [],
    }
    secret = ("--set", "web_password=secret", "--web-port", str(free_port()))
    options = ("--no-web-open-browser", *secret)
    with (
        running_proxy(tmp_path, confdir, nowhere, *options, tool="mitmweb") as proxy,
        closing(Web(proxy)) as web,
    ):
        http_client = anthropic.DefaultHttpxClient(proxy=proxy.url, trust_env=False)
        client = anthropic.Anthropic(base_url=world.url, http_client=http_client, **APP)
        asked: dict[str, Any] = {
            "model": "m",
            "max_tokens": 99,
            "messages": [{"role": "user", "content": "[[words:9]]"}],
        }
        web.inject("~all", "cut after=2")
        with pytest.raises(httpx2.RemoteProtocolError), client.messages.stream(**asked) as stream:
            stream.get_final_message()
        web.inject("~all", "split")
        with client.messages.stream(**asked) as stream:
            split = stream.get_final_message()
        web.inject("~all", "cut")
        with pytest.raises(anthropic.APIConnectionError):
            client.messages.create(**asked)
        whole = client.messages.create(**asked)
        assert [block.text for block in whole.content] == [block.text for block in split.content]
        client.close()
        first, second, third, plain = proxy.flows()
    assert first.response and first.response.text and first.response.text.count("text_delta") == 2
    assert first.error and first.metadata["bridge"]["attempts"][0]["outcome"] == "cancelled"
    assert second.response and "message_stop" in (second.response.text or "")
    assert second.metadata["bridge"]["attempts"][0]["outcome"] == "ok"
    assert [effect(flow) for flow in (first, second, third)] == [
        "behind 2 pieces of content",
        f"{len(second.response.raw_content or b'')} pieces",
        "behind half of the body",
    ]
    assert "injected" not in plain.metadata["bridge"]


def effect(flow: http.HTTPFlow) -> str:
    return str(flow.metadata["bridge"]["injected"]["effect"])
