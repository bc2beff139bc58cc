"""YAML text in, checked values out; every mistake is kept under its key path.

Nothing here stops at the first mistake: a value that is refused leaves a line in the report and a
default in its place, and `Report.close` raises them all. The hard thing are references to the
environment: `${NAME}` has to read the same inside YAML's own braces, and a name that is not set is
a mistake in one place and merely switches something off in another.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import yaml

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
# Braces are syntax inside {...}, so references pass the parser with two private characters instead.
_BRACES_AWAY = str.maketrans("{}", "\ue000\ue001")
_BRACES_BACK = str.maketrans("\ue000\ue001", "{}")
# What looks like a key is repeated in no message, wherever it was written by mistake.
_SECRET = re.compile(r"\b(?:sk|rk|gsk)[-_][\w-]{6,}", re.IGNORECASE)
_NAME = re.compile(r" '[^'<\\]{2,}'")  # of an anchor and the like, in messages of PyYAML
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|)")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(B|KB|MB|GB)")
_BYTES = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}


class ConfigError(ValueError):
    """Everything that is wrong with a configuration, one line per mistake."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


class Wrong(Exception):
    """A reader refuses a value; the text says why, and follows the value in the message.

    With `hide` the value stays out of it.
    """

    def __init__(self, problem: str, hide: bool = False) -> None:
        super().__init__(problem)
        self.hide = hide


type Reader[T] = Callable[[object], T]


@dataclass(slots=True)
class Report:
    """What is wrong so far with the document `name`, and the environment it may refer to."""

    name: str
    env: Mapping[str, str]
    mistakes: list[str] = field(default_factory=list)

    def line(self, path: str, problem: str) -> str:
        text = ": ".join(part for part in (self.name, path, problem) if part)
        return _SECRET.sub("***", " ".join(text.split()))

    def add(self, path: str, problem: str) -> None:
        self.mistakes.append(self.line(path, problem))

    def close(self) -> None:
        if self.mistakes:
            raise ConfigError(self.mistakes)


@dataclass(slots=True)
class Section:
    """One mapping of the document, read key by key.

    Variables that are not set are collected in `unset`; where that is None they are mistakes. A
    section that is no mapping at all is `broken`: it is empty, and nothing is missing in it.
    """

    report: Report
    path: str
    values: dict[str, object]
    unset: list[str] | None = None
    broken: bool = False

    def wrong(self, key: str, problem: str) -> None:
        self.report.add(below(self.path, key), problem)

    def has(self, key: str) -> bool:
        return self.values.get(key) is not None

    def take[T, D](self, key: str, read: Reader[T], default: D, hide: bool = False) -> T | D:
        """The value at `key`; the default where there is none, or a wrong one."""
        if not self.has(key):
            return default
        value = self.read(below(self.path, key), self.values[key], read, hide)
        return default if value is None else value

    def given(self, readers: Mapping[str, Reader[Any]]) -> dict[str, Any]:
        """The values that are there and right, by key."""
        found = {key: self.take(key, read, None) for key, read in readers.items()}
        return {key: value for key, value in found.items() if value is not None}

    def need[T](self, key: str, read: Reader[T], hint: str, hide: bool = False) -> T | None:
        """As `take`, but it is a mistake to leave it out."""
        if not self.has(key) and not self.broken:
            self.wrong(key, f"is missing; {hint}")
        return self.take(key, read, None, hide)

    def items(self, key: str) -> list[tuple[str, object]]:
        """Path and value of each item of the list at `key`."""
        values, path = self.values.get(key), below(self.path, key)
        if isinstance(values, list):
            return [(f"{path}[{index}]", value) for index, value in enumerate(values)]
        if values is not None:
            self.wrong(key, f"{shown(values)} is not a list")
        return []

    def each[T](self, key: str, read: Reader[T], hide: bool = False) -> tuple[T, ...]:
        """The items of the list at `key` that are right."""
        values = [self.read(path, value, read, hide) for path, value in self.items(key)]
        return tuple(value for value in values if value is not None)

    def pairs[T](self, key: str, read: Reader[T], hide: bool = False) -> tuple[tuple[str, T], ...]:
        """The right entries of the mapping at `key`, in the order of the file."""
        inner = self.section(key, None)
        pairs = [(name, inner.need(name, read, "give a value", hide)) for name in inner.values]
        return tuple((name, value) for name, value in pairs if value is not None)

    def section(self, key: str, allowed: Collection[str] | None) -> "Section":
        """The mapping at `key`; an empty one where there is none."""
        value = self.values[key] if self.has(key) else {}
        return open_section(self.report, below(self.path, key), value, allowed, self.unset)

    def read[T](self, path: str, raw: object, read: Reader[T], hide: bool = False) -> T | None:
        """`raw` as `read` makes it of what its references stand for; None if anything is wrong."""
        missing: list[str] = []
        try:
            value = _resolve(raw, self.report.env, missing)
            if not missing:
                return read(value)
        except Wrong as wrong:
            subject = "the value" if hide or wrong.hide else shown(raw)
            self.report.add(path, f"{subject} {wrong}")
        if self.unset is not None:
            self.unset += missing
        elif missing:
            self.report.add(path, f"environment variable {missing[0]} is not set")
        return None


def open_section(
    report: Report,
    path: str,
    value: object,
    allowed: Collection[str] | None,
    unset: list[str] | None = None,
) -> Section:
    """`value` as a section, with its unknown keys reported; `allowed` None takes any key."""
    if not isinstance(value, dict):
        report.add(path, f"{shown(value)} is not a mapping")
        return Section(report, path, {}, unset, broken=True)
    known = {}
    for key, inner in value.items():
        if not isinstance(key, str):
            report.add(below(path, key), "the key is not text; put it in quotes")
        elif allowed is not None and key not in allowed:
            report.add(below(path, key), f"is not a known key: {', '.join(allowed)}")
        else:
            known[key] = inner
    return Section(report, path, known, unset)


def _resolve(value: object, env: Mapping[str, str], missing: list[str]) -> object:
    """`value` with its references replaced; the names that are unset or blank go to `missing`."""
    match value:
        case str():
            if "${" in _REFERENCE.sub("", value):
                raise Wrong("holds a ${ that is not followed by a variable's name and }")
            names = _REFERENCE.findall(value)
            missing += [name for name in names if not env.get(name, "").strip()]
            return _REFERENCE.sub(lambda match: env.get(match[1], "").strip(), value)
        case list():
            return [_resolve(item, env, missing) for item in value]
        case dict():
            return {key: _resolve(item, env, missing) for key, item in value.items()}
        case _:
            return value


def shown(value: object) -> str:
    """`value` as a message quotes it: short, on one line."""
    match value:
        case str():
            return json.dumps(value if len(value) <= 80 else value[:79] + "…", ensure_ascii=False)
        case bool():
            return "true" if value else "false"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case None:
            return "nothing"
        case _:
            return str(value)


def below(path: str, key: object) -> str:
    """The path of `key` in the mapping at `path`."""
    if not isinstance(key, str) or not re.fullmatch(r"[\w-]+", key):
        return f"{path}[{shown(key)}]"
    return f"{path}.{key}" if path else key


# Readers: a plain value in, the checked one out


def text(value: object) -> str:
    if not isinstance(value, str):
        hint = "; put it in quotes" if isinstance(value, int | float) else ""
        raise Wrong(f"is not text{hint}")
    if not value.strip():
        raise Wrong("is empty")
    return value


def boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Wrong("is not true or false")
    return value


def one_of[T: str](allowed: Sequence[T]) -> Reader[T]:
    def read(value: object) -> T:
        for known in allowed:
            if known == value:
                return known
        raise Wrong(f"is not one of {', '.join(allowed) or 'none'}")

    return read


def whole_number(least: int, most: float = inf) -> Reader[int]:
    limits = f"{least} to {most}" if most < inf else f"{least} or more"

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Wrong(f"is not a whole number, {limits}")
        return value

    return read


def duration(value: object) -> float:
    """Seconds."""
    match value:
        case str():
            if found := _DURATION.fullmatch(value.strip()):
                return float(found[1]) * _UNITS[found[2]]
        case bool():
            pass
        case int() | float():
            if 0 <= value < inf:
                return float(value)
    raise Wrong("is not a duration: 300ms, 2s, 5m, 1h, or seconds as a number")


def positive_duration(value: object) -> float:
    seconds = duration(value)
    if not seconds:
        raise Wrong("is not a duration above 0")
    return seconds


def size(value: object) -> int:
    """Bytes."""
    match value:
        case str():
            if found := _SIZE.fullmatch(value.strip().upper()):
                return int(float(found[1]) * _BYTES[found[2]])
        case bool():
            pass
        case int():
            if value >= 0:
                return value
    raise Wrong("is not a size: 300KB, 64MB, 1GB, or bytes as a whole number")


# Text of a document -> plain values


class _Loader(yaml.SafeLoader):
    """YAML without dates (2023-06-01 is an API version) and without tags."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def fetch_tag(self) -> None:
        problem = "a value that begins with ! needs quotes"
        raise yaml.scanner.ScannerError(problem=problem, problem_mark=self.get_mark())

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> str:
        return str(super().construct_scalar(node)).translate(_BRACES_BACK)


def read_yaml(source: str, report: Report) -> object:
    """The value of a YAML document; its duplicate keys are reported, broken syntax is raised."""
    try:
        loader = _Loader(_REFERENCE.sub(lambda match: match[0].translate(_BRACES_AWAY), source))
        node = loader.get_single_node()
        for path, first, second in _duplicates(node, "", set()):
            lines = f"lines {first} and {second}" if first < second else f"line {first}"
            report.add(path, f"is given twice, in {lines}")
        return None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        problem = _syntax_problem(error, source)
    except RecursionError:
        problem = "is nested too deeply"
    except ValueError:  # YAML takes 0b_ for a number, Python does not
        problem = "holds a number that cannot be read"
    raise ConfigError([report.line("", problem)])


def _duplicates(
    node: yaml.Node | None, path: str, seen: set[int]
) -> Iterator[tuple[str, int, int]]:
    """Paths of keys that are given twice, with both lines; a plain load takes the last silently."""
    if node is None or id(node) in seen:  # an alias leads to what was seen at its anchor
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _duplicates(item, f"{path}[{index}]", seen)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                name, line = str(key.value).translate(_BRACES_BACK), key.start_mark.line + 1
                if name in lines:
                    yield below(path, name), lines[name], line
                lines[name] = line
                yield from _duplicates(value, below(path, name), seen)


def _syntax_problem(error: yaml.YAMLError, source: str) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        before, problem = source[: error.position], error.reason
        line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
    else:  # whatever else the loader raises carries a mark
        assert isinstance(error, yaml.MarkedYAMLError) and error.problem_mark
        line, column = error.problem_mark.line, error.problem_mark.column
        problem = _NAME.sub("", str(error.problem)).removeprefix("but ")
    return f"line {line + 1}, column {column + 1}: {problem}"
