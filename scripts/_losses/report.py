"""The loss report: tables of what becomes of all specimens, and their place in README.md.

What comes out alike is one row, so that the tables can be read.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bridge.transform import PROTOCOLS, Protocol

from . import chat, messages, responses
from .answers import ANSWERS
from .specimen import NAMES, Answer, Json, Outcome, Specimen, Specimens, received, sent

BEGIN = "<!-- ./scripts/losses --write makes what follows -->"
END = "<!-- up to here -->"
NO_PLACE = "-"  # nothing can be said there

# What an app of each protocol sends at least, and what it may send.
APPS: dict[Protocol, tuple[Json, Specimens]] = {
    "anthropic_messages": (messages.LEAST, messages.SPECIMENS),
    "openai_chat": (chat.LEAST, chat.SPECIMENS),
    "openai_responses": (responses.LEAST, responses.SPECIMENS),
}


class Row(NamedTuple):
    """What becomes of one specimen: at the vendors, by protocol, and at compatible servers."""

    subject: str
    what: str
    outcomes: dict[Protocol, Outcome]
    elsewhere: dict[Protocol, Outcome]


def requests(client: Protocol) -> Iterator[Row]:
    least, specimens = APPS[client]
    for subject, group in specimens.items():
        for what, specimen in group.items():
            yield Row(subject, what, *_sent(client, {**least, **specimen.fields}, specimen))


def _sent(
    client: Protocol, body: Json, specimen: Specimen
) -> tuple[dict[Protocol, Outcome], dict[Protocol, Outcome]]:
    others = [protocol for protocol in PROTOCOLS if protocol != client]
    outcomes = {to: sent(client, to, body, older=specimen.older) for to in others}
    if specimen.older:  # a compatible server has no older models that are known here
        return outcomes, {}
    return outcomes, {to: sent(client, to, body, vendor=False) for to in others}


def answers(upstream: Protocol) -> Iterator[Row]:
    for what, answer in ANSWERS[upstream].items():
        apps = [client for client in PROTOCOLS if client != upstream and _can_get(client, answer)]
        outcomes = {client: received(client, upstream, APPS[client][0], answer) for client in apps}
        yield Row(NAMES[upstream], what, outcomes, {})


def _can_get(client: Protocol, answer: Answer) -> bool:
    return not answer.asks or client in answer.asks


def rows() -> Iterator[Row]:
    for protocol in PROTOCOLS:
        yield from requests(protocol)
        yield from answers(protocol)


# --- as text


def report() -> str:
    tables = [_table_of_requests(client) for client in PROTOCOLS]
    return "\n".join([*tables, _table_of_answers()])


def _table_of_requests(client: Protocol) -> str:
    others = [protocol for protocol in PROTOCOLS if protocol != client]
    heads = ["", "sent", *(f"to {NAMES[other]}" for other in others), "compatible servers"]
    lines = [
        (row.subject, row.what, *(str(row.outcomes[other]) for other in others), _elsewhere(row))
        for row in requests(client)
    ]
    return _table(f"An app that speaks {NAMES[client]}", heads, lines)


def _elsewhere(row: Row) -> str:
    """Where compatible servers differ from the vendor's own."""
    return "; ".join(
        f"{NAMES[protocol]} {outcome}"
        for protocol, outcome in row.elsewhere.items()
        if str(outcome) != str(row.outcomes[protocol])
    )


def _table_of_answers() -> str:
    heads = ["from", "answered", *(f"to {NAMES[protocol]} apps" for protocol in PROTOCOLS)]
    lines = [
        (row.subject, row.what, *(str(row.outcomes.get(p, NO_PLACE)) for p in PROTOCOLS))
        for upstream in PROTOCOLS
        for row in answers(upstream)
    ]
    return _table("Answers", heads, lines)


def _table(title: str, heads: list[str], lines: Iterable[tuple[str, ...]]) -> str:
    shown = [f"### {title}", "", _line(heads), _line(["---"] * len(heads))]
    before = ""
    for subject, what, *cells in _merged(lines):
        shown.append(_line(["" if subject == before else f"**{subject}**", what, *cells]))
        before = subject
    return "\n".join([*shown, ""])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _merged(lines: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Of one subject, all that comes out alike is one line."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for subject, what, *cells in lines:
        alike.setdefault((subject, *cells), []).append(what)
    for (subject, *cells), whats in alike.items():
        yield subject, "; ".join(whats), *cells


# --- in README.md


def placed(readme: str) -> str:
    """`readme` with the report in its place; ValueError where it has none."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"README.md has no lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{report()}\n{END}{after}"
