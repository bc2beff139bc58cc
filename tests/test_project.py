"""The rules of the project that no linter knows: who imports whom, purity, twins, mirrors, text.

Each rule goes from a source tree to a list of complaints. It runs on this tree, which must give
none, and on small trees that break it, so that a rule which has gone blind is noticed too.
"""

import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

type Rule = Callable[[Path], Iterator[str]]

ROOT = Path(__file__).resolve().parent.parent
PROTOCOLS = ("anthropic_messages", "openai_chat", "openai_responses")

# Layer -> layers it may import. A protocol folder never sees another one, nor what is above it.
ARROWS: dict[str, set[str]] = {
    "addon": {"addon", "mitm", "core", "face", "hub"},
    "mitm": {"mitm", "pages", "views", "core", "face", "hub"},
    "pages": {"pages", "views", "core", "face", "hub"},
    "core": {"core", "views", "face", "hub"},
    "views": {"views", "face", "hub"},
    "face": {"face", "hub", *PROTOCOLS},
    **{protocol: {protocol, "hub"} for protocol in PROTOCOLS},
    "hub": {"hub"},
    "simulator": {"simulator"},  # it judges what the bridge sends, so it shares no code with it
}

# Library -> layers that may use it; every other layer lives on the standard library.
LIBRARIES: dict[str, set[str]] = {
    "mitmproxy": {"addon", "mitm"},
    "yaml": {"core"},
    "msgspec": {"hub"},
    # these come with mitmproxy
    "wsproto": {"mitm"},
    "brotli": {"mitm"},
    "certifi": {"mitm"},
    "tornado": {"mitm"},
    "h2": {"simulator"},
}

# What knows all protocols, and is asked by name.
FACE = tuple(f"bridge.transform{name}" for name in ("", ".translator", ".reading"))
PURE = {"face", "hub", "views", *PROTOCOLS}
PURE_MODULES = tuple(
    f"bridge.{name}"
    for name in """
        routing preference health circuit outcomes repairs mask history injection doctor observed
    """.split()
)
IMPURE = """
    asyncio concurrent glob http.client http.server io.open logging multiprocessing os pathlib
    random secrets select selectors shutil signal socket sqlite3 ssl subprocess tempfile threading
    time urllib.error urllib.request uuid
""".split()
CLOCKS = {"now", "today", "utcnow"}  # of datetime and date
IMPURE_BUILTINS = {"breakpoint", "input", "open", "print"}

# In pieces, or this file would be the first to be found.
HOMES = "|".join(("ro" + "ot", "wo" + "rk"))
REGISTRIES = ("py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "deb.deb" + "ian.org")
FORBIDDEN = {
    "an absolute path of one machine": r"(?<![\w./~$}-])/(?:" + HOMES + r")(?:/|\b(?![\w-]))",
    "the host of a package registry": "|".join(map(re.escape, REGISTRIES)),
    "a document that is no part of the project": r"(?:design|house-style|protocols|traps)\.m" + "d",
}


# --- the tree ---------------------------------------------------------------------------------


def modules(root: Path) -> dict[str, Path]:
    files = [root / "addon.py", *sorted((root / "bridge").rglob("*.py"))]
    return {dotted(file.relative_to(root)): file for file in files if file.exists()}


def dotted(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def under(name: str, *prefixes: str) -> bool:
    return any(f"{name}.".startswith(f"{prefix}.") for prefix in prefixes)


def layer(module: str) -> str:
    for protocol in PROTOCOLS:
        if under(module, f"bridge.transform.{protocol}"):
            return protocol
    if module in FACE:
        return "face"
    for prefix, name in (
        ("addon", "addon"),
        ("bridge.mitm", "mitm"),
        ("bridge.simulator", "simulator"),
        ("bridge.transform", "hub"),
        ("bridge.views", "views"),
        ("bridge.pages", "pages"),
    ):
        if under(module, prefix):
            return name
    return "core"


def parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def imports(module: str, file: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported; `from a import b` is a.b, module or not."""
    package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(parse(file)):
        match node:
            case ast.Import(names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(source, names, level):
                above = package[: len(package) - level + 1] if level else []
                base = ".".join([*above, *([source] if source else [])])
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in names)


def every_import(root: Path) -> Iterator[tuple[str, str, str]]:
    """Importing module, place, and what it imports: the module if it is ours, else the name."""
    known = modules(root)
    for module, file in known.items():
        for line, name in imports(module, file):
            while name not in known and under(name, "addon", "bridge") and "." in name:
                name = name.rpartition(".")[0]
            yield module, f"{file.relative_to(root)}:{line}", name


# --- the rules --------------------------------------------------------------------------------


def arrows(root: Path) -> Iterator[str]:
    for module, place, name in every_import(root):
        if under(name, "addon", "bridge") and layer(name) not in ARROWS[layer(module)]:
            allowed = ", ".join(sorted(ARROWS[layer(module)]))
            yield f"{place}: {layer(module)} imports {name} ({layer(name)}); allowed: {allowed}"


def libraries(root: Path) -> Iterator[str]:
    for module, place, name in every_import(root):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in ("addon", "bridge"):
            continue
        if layer(module) not in LIBRARIES.get(top, set()):
            users = ", ".join(sorted(LIBRARIES.get(top, {"nobody"})))
            yield f"{place}: {layer(module)} imports {top}, which is for: {users}"


def purity(root: Path) -> Iterator[str]:
    pure = {
        module: file
        for module, file in modules(root).items()
        if layer(module) in PURE or under(module, *PURE_MODULES)
    }
    for module, place, name in every_import(root):
        if module in pure and under(name, *IMPURE):
            yield f"{place}: {name} in pure code; pass in what it would give"
    for file in pure.values():
        for node in ast.walk(parse(file)):
            if isinstance(node, ast.Call) and (what := impure_call(node)):
                yield f"{file.relative_to(root)}:{node.lineno}: {what}() in pure code"


def impure_call(call: ast.Call) -> str | None:
    match call.func:
        case ast.Name(id) if id in IMPURE_BUILTINS:
            return id
        case ast.Attribute(owner, attr) if attr in CLOCKS:
            # `state.now()` is somebody's own; `datetime.now()` and `datetime.date.today()` are not
            owner_name = ast.unparse(owner)
            return f"{owner_name}.{attr}" if re.search(r"\bdate(time)?$", owner_name) else None
    return None


def twins(root: Path) -> Iterator[str]:
    """Every protocol folder has the same files, and each file the same public names."""
    faces = {
        protocol: {file.name: public(file) for file in folder.glob("*.py")}
        for protocol in PROTOCOLS
        if (folder := root / "bridge" / "transform" / protocol).is_dir()
    }
    for file in sorted({file for face in faces.values() for file in face}):
        owners = {protocol for protocol, face in faces.items() if file in face}
        for protocol in sorted(set(faces) - owners):
            yield f"bridge/transform/{protocol} lacks {file}, which {', '.join(sorted(owners))} has"
        for name in sorted({name for protocol in owners for name in faces[protocol][file]}):
            have = {protocol for protocol in owners if name in faces[protocol][file]}
            for protocol in sorted(owners - have):
                yield (
                    f"bridge/transform/{protocol}/{file} lacks {name}, "
                    f"which {', '.join(sorted(have))} has (or make it private: _{name})"
                )


def public(file: Path) -> set[str]:
    """`__all__` where there is one, else functions and classes (and a face's imports) without _."""
    names = set()
    for node in parse(file).body:
        match node:
            case ast.Assign(targets=[ast.Name("__all__")], value=value):
                return set(ast.literal_eval(value))
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
                names.add(name)
            case ast.ImportFrom(names=aliases) if file.name == "__init__.py":
                names.update(alias.asname or alias.name for alias in aliases)
    return {name for name in names if not name.startswith("_")}


def mirrors(root: Path) -> Iterator[str]:
    for file in modules(root).values():
        path = file.relative_to(root)
        if path.name in ("addon.py", "__init__.py", "__main__.py") or not runs(file):
            continue
        if path.parts[1] == "simulator":  # judged as a whole, by what its clients get
            continue
        test = Path("tests", *path.parts[1:-1], f"test_{path.name}")
        if not (root / test).exists():
            yield f"{path} has no {test}"


def runs(file: Path) -> bool:
    """False for mere types and constants: no function has a body beyond a docstring or `...`."""
    return any(
        not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for node in ast.walk(parse(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for statement in node.body
    )


def forbidden(root: Path) -> Iterator[str]:
    for path in project_files(root):
        text = (root / path).read_bytes().decode("latin-1")
        for number, line in enumerate([str(path), *text.splitlines()]):
            for what, pattern in FORBIDDEN.items():
                if found := re.search(pattern, line):
                    yield f"{path}:{number}: {what}: {found.group()}"


def project_files(root: Path) -> list[Path]:
    """All that git would take. It is asked through an empty repository of its own, so that an
    unpacked archive, or a checkout that belongs to somebody else, will do as well."""
    with tempfile.TemporaryDirectory() as empty:
        git = ["git", f"--git-dir={empty}", f"--work-tree={root}"]
        subprocess.run(["git", "init", "--quiet", "--bare", empty], check=True)
        listing = [*git, "ls-files", "-z", "--others", "--exclude-standard"]
        names = subprocess.run(listing, cwd=root, capture_output=True, check=True).stdout
    return [Path(os.fsdecode(name)) for name in names.split(b"\0") if name]


RULES = (arrows, libraries, purity, twins, mirrors, forbidden)


# --- the tests --------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    if complaints := dict.fromkeys(rule(ROOT)):
        pytest.fail("\n".join(complaints), pytrace=False)


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


NL = "\n"
A, B = "bridge/transform/anthropic_messages", "bridge/transform/openai_chat"


# What each rule must see.
BROKEN: dict[str, tuple[Rule, dict[str, str]]] = {
    "a protocol imports another one": (
        arrows,
        {f"{A}/answer.py": "from bridge.transform.openai_chat import answer", f"{B}/answer.py": ""},
    ),
    "a protocol imports another one, relatively": (
        arrows,
        {f"{A}/decoder.py": "from ..openai_chat.decoder import Decoder", f"{B}/decoder.py": ""},
    ),
    "a protocol imports from above transform": (
        arrows,
        {f"{A}/request.py": "import bridge.config", "bridge/config.py": ""},
    ),
    "a protocol imports the public face": (
        arrows,
        {f"{A}/request.py": "from .. import Translator", "bridge/transform/__init__.py": ""},
    ),
    "the hub imports a protocol, hidden in a function": (
        arrows,
        {"bridge/transform/fold.py": f"def f():{NL} from . import openai_chat", f"{B}/a.py": ""},
    ),
    "routing imports the mitmproxy side": (
        arrows,
        {"bridge/routing.py": "from .mitm import layer", "bridge/mitm/layer.py": ""},
    ),
    "the mitmproxy side imports the addon": (
        arrows,
        {"bridge/mitm/layer.py": "import addon", "addon.py": ""},
    ),
    "the simulator shares code with the bridge": (
        arrows,
        {"bridge/simulator/wire.py": "from bridge.transform.sse import x"},
    ),
    "the addon imports the simulator": (
        arrows,
        {"addon.py": "from bridge import simulator", "bridge/simulator/__init__.py": ""},
    ),
    "mitmproxy in routing": (libraries, {"bridge/routing.py": "from mitmproxy import http"}),
    "a library that only the tests have": (libraries, {"addon.py": "import httpx"}),
    "JSON in C outside the hub": (libraries, {f"{A}/request.py": "import msgspec"}),
    "a clock": (purity, {f"{A}/request.py": "from time import time"}),
    "chance in health": (purity, {"bridge/health.py": "import random"}),
    "the file system in routing": (purity, {"bridge/routing.py": "import os.path"}),
    "a web client": (purity, {"bridge/transform/names.py": "from urllib import request"}),
    "the date": (purity, {f"{B}/a.py": f"import datetime{NL}datetime.datetime.now()"}),
    "the day": (purity, {f"{B}/a.py": f"from datetime import date{NL}date.today()"}),
    "a file": (purity, {f"{B}/a.py": "open('x')"}),
    "a file that one protocol lacks": (twins, {f"{A}/request.py": "", f"{B}/response.py": ""}),
    "a function by two names": (
        twins,
        {f"{A}/request.py": "def decode(): ...", f"{B}/request.py": "def decode_request(): ..."},
    ),
    "a class that one protocol does not export": (
        twins,
        {f"{A}/a.py": "class Decoder: ...", f"{B}/a.py": f"__all__ = []{NL}class Decoder: ..."},
    ),
    "a face that one protocol does not show": (
        twins,
        {f"{A}/__init__.py": "from .a import x as x", f"{B}/__init__.py": "from .a import x as y"},
    ),
    "a source file whose test lies elsewhere": (
        mirrors,
        {f"{A}/decoder.py": "def f(): return 1", "tests/test_decoder.py": ""},
    ),
    "a source file without a test": (mirrors, {"bridge/mitm/a.py": "async def f(): g()"}),
    "a path of one machine": (forbidden, {"README": "see /ro" + "ot/notes"}),
    "a folder of one machine": (forbidden, {"a.txt": "cd '/wo" + "rk'"}),
    "a registry's host": (forbidden, {"uv.lock": "https://files.python" + "hosted.org/x"}),
    "a document of elsewhere": (forbidden, {"bridge/a.py": "# see design.m" + "d, 4.2"}),
}


@pytest.mark.parametrize("rule, files", BROKEN.values(), ids=BROKEN)
def test_a_rule_sees(tmp_path: Path, rule: Rule, files: dict[str, str]) -> None:
    assert list(rule(tree(tmp_path, files)))


def test_the_rules_let_good_code_pass(tmp_path: Path) -> None:
    protocol = (
        f"from .. import names{NL}from . import parts{NL}def encode(): return 1{NL}def _own(): ..."
    )
    good = {
        "addon.py": f"from mitmproxy import http{NL}from bridge import config, mitm",
        "bridge/__init__.py": "",
        "bridge/config.py": f"import os, yaml{NL}from pathlib import Path{NL}LIMIT = 3",
        "bridge/mitm/__init__.py": "",
        "bridge/mitm/layer.py": f"import mitmproxy.proxy{NL}from bridge.transform import PROTOCOLS",
        "bridge/simulator/__main__.py": f"import time{NL}from . import wire{NL}def f(): wire.go()",
        "bridge/simulator/wire.py": "",
        "bridge/transform/__init__.py": f"from .translator import Translator{NL}PROTOCOLS = ()",
        "bridge/transform/translator.py": "from .openai_chat import request",
        "bridge/transform/names.py": f"try:{NL}    import msgspec{NL}except ImportError: pass",
        "bridge/transform/codec.py": 'class Codec:\n    def f(self): "To be offered."',
        "bridge/routing.py": f"import urllib.parse{NL}def f(state): return state.now()",
        **{f"{folder}/parts.py": "" for folder in (A, B)},
        **{f"{folder}/request.py": protocol for folder in (A, B)},
        "tests/test_routing.py": "import time, httpx, mitmproxy",
        "tests/transform/anthropic_messages/test_request.py": "",
        "tests/transform/openai_chat/test_request.py": "",
        "README.md": "the network/roo" + "t, ./wo" + "rk/ and https://host/wo" + "rk/ are fine",
    }
    root = tree(tmp_path, good)
    assert [complaint for rule in RULES for complaint in rule(root)] == []


def test_forbidden_text_is_looked_for_in_what_git_would_take(tmp_path: Path) -> None:
    files = {".gitignore": ".venv/", ".venv/a": "", "né w": "", ".ci/run": "", ".git/HEAD": ""}
    found = project_files(tree(tmp_path, files))
    assert sorted(map(str, found)) == [".ci/run", ".gitignore", "né w"]
