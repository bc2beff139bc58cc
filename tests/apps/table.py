"""The apps as data: what is installed, how each is run unattended, and what its tools are called.

Versions are pinned: these were seen to work, a new one is a change like any other. In all texts
`{prompt}`, `{work}`, `{home}`, `{python}` (of the project) and `{NAME}` (folder of a package's
programs) are filled in.
"""

import json
from dataclasses import dataclass, field, replace

from tests.apps.installer import Package

PACKAGES = {
    package.name: package
    for package in (
        Package("claude-code", "npm", ("@anthropic-ai/claude-code@2.1.330",)),
        Package("codex", "npm", ("@openai/codex@0.169.0",)),
        Package("opencode", "npm", ("opencode-ai@1.18.33",)),
        Package("node", "npm", ("node@24.21.0",)),
        Package("node-sdks", "npm", ("@anthropic-ai/sdk@1.12.0", "openai@6.49.0")),
        Package("aimock", "npm", ("@copilotkit/aimock@1.43.0",)),
        Package("aider", "pip", ("aider-chat==0.86.2",), python="3.12"),
        Package("llm", "pip", ("llm==0.36", "llm-anthropic==0.30")),
    )
}


# What steers the simulator, as if it were the user's words.
AGENT = (
    "Compute, read the note, report. [[reason:One after the other.]]"
    "[[do:{shell}]][[do:{read}]][[results]]"
)


@dataclass(frozen=True)
class App:
    """`shell` and `read`: the calls that its model makes, with `{command}` and `{file}`."""

    name: str
    protocol: str
    needs: tuple[str, ...]
    command: tuple[str, ...]
    model: str
    shell: str
    read: str
    environment: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  # in its home
    stdin: str = ""
    prompt: str = AGENT
    answer: str = "The tools answered:"  # how the last answer begins
    rewrites: bool = False  # what it said before, by itself
    websocket: str = "auto"  # what the bridge is told of them

    @property
    def free_text(self) -> bool:
        """Whether it calls a tool that takes no JSON."""
        return bool(self.shell) and not self.shell.partition(" ")[2].startswith("{")


FAKE = "sk-an-apps-own-key"

CLAUDE = App(
    "Claude Code",
    "messages",
    ("claude-code",),
    (
        *("{claude-code}/claude", "-p", "{prompt}", "--output-format", "json"),
        *("--allowedTools", "Bash Read", "--model", "claude-sonnet-5-5"),
    ),
    "claude-sonnet-5-5",
    'Bash {{"command":"{command}","description":"work"}}',
    'Read {{"file_path":"{file}"}}',
    # Else it asks its vendor for settings for a quarter of a minute, who cannot be reached.
    {"ANTHROPIC_API_KEY": FAKE, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"},
)

CODEX_RUN = (
    "exec",
    "--skip-git-repo-check",
    "--json",
    "--dangerously-bypass-approvals-and-sandbox",
)
SCRIPT = 'const r = await tools.exec_command({{"cmd":"{command}"}}); text(r.output);'
CODEX = App(
    "Codex",
    "responses",
    ("codex",),
    ("{codex}/codex", *CODEX_RUN, "{prompt}"),
    "gpt-*",
    f"exec {SCRIPT}",
    "exec " + SCRIPT.replace("{command}", "cat '{file}'"),
    {"CODEX_API_KEY": FAKE, "OPENAI_API_KEY": FAKE},
    websocket="refuse",
)
CODEX_SERVED = replace(CODEX, name="Codex, WebSocket served", websocket="serve")
CODEX_CLASSIC = App(
    "Codex, an older model",
    "responses",
    ("codex",),
    ("{codex}/codex", *CODEX_RUN, "-m", "gpt-5.5", "{prompt}"),
    "gpt-5.5",
    'exec_command {{"cmd":"{command}"}}',
    """exec_command {{"cmd":"cat '{file}'"}}""",
    {"CODEX_API_KEY": FAKE, "OPENAI_API_KEY": FAKE},
)

# The agents in programs/, and `llm` with the functions there, have the same tools.
TOOLS = {"shell": 'shell {{"command":"{command}"}}', "read": 'read {{"path":"{file}"}}'}
KEYS = {"OPENAI_API_KEY": FAKE, "ANTHROPIC_API_KEY": FAKE}
MODELS = {"messages": "claude-sonnet-5-5", "chat": "gpt-6.2-sol", "responses": "gpt-6.2-sol"}


def _python(kind: str) -> App:
    command = ("{python}", "{programs}/agent.py", kind, "{prompt}")
    return App(f"Python SDK, {kind}", kind, (), command, MODELS[kind], **TOOLS, environment=KEYS)


def _node(kind: str) -> App:
    command = ("{node}/node", "{programs}/agent.mjs", kind, "{prompt}")
    own = {**KEYS, "SDKS": "{node-sdks}"}
    needs = ("node", "node-sdks")
    return App(f"Node SDK, {kind}", kind, needs, command, MODELS[kind], **TOOLS, environment=own)


# As it calls the model, and as it asks the vendor for it.
LLM_MODELS = {
    "messages": ("claude-sonnet-4.5", "claude-sonnet-4-5"),
    "chat": ("gpt-4.1", "gpt-4.1"),
    "responses": ("gpt-5.5", "gpt-5.5"),
}


def _llm(kind: str) -> App:
    called, model = LLM_MODELS[kind]
    command = ("{llm}/llm", "-m", called, "--functions", "{programs}/tools.py", "{prompt}")
    return App(f"llm, {kind}", kind, ("llm",), command, model, **TOOLS, environment=KEYS)


OPENCODE = {
    "messages": ("anthropic", "claude-sonnet-5-5"),
    "responses": ("openai", "gpt-5.5"),
    "chat": ("local", "gpt-6.2-sol"),
}
ABLE = {"tool_call": True, "reasoning": True, "limit": {"context": 200_000, "output": 32_000}}
OPENCODE_CONFIG = {
    "provider": {
        "anthropic": {"models": {"claude-sonnet-5-5": ABLE}},
        "openai": {"models": {"gpt-5.5": ABLE}},
        "local": {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": "https://api.openai.com/v1", "apiKey": FAKE},
            "models": {"gpt-6.2-sol": ABLE},
        },
    }
}


def _opencode(kind: str) -> App:
    provider, model = OPENCODE[kind]
    run = ("{opencode}/opencode", "run", "--format", "json", "-m", f"{provider}/{model}")
    return App(
        f"opencode, {kind}",
        kind,
        ("opencode",),
        run,
        model,
        'bash {{"command":"{command}","description":"work"}}',
        'read {{"filePath":"{file}"}}',
        {**KEYS, "OPENCODE_DISABLE_MODELS_FETCH": "1"},  # a list that it would wait for
        {".config/opencode/opencode.json": json.dumps(OPENCODE_CONFIG)},
        stdin="{prompt}",  # as an argument it puts it into quotes of its own
    )


# It has no tools: the model writes a file, and then aider runs a command and tells what that said,
# which the simulator repeats.
AIDER_MODELS = {"messages": "anthropic/claude-sonnet-5-5", "chat": "openai/gpt-6.2-sol"}
WRITE = "Write it. [[reason:One file.]][[text:made.txt\n```\nmade\n```\n]]"


def _aider(kind: str) -> App:
    quiet = ("--no-git", "--no-check-update", "--no-show-release-notes", "--analytics-disable")
    command = (
        *("{aider}/aider", "--model", AIDER_MODELS[kind], "--message", "{prompt}", "--yes-always"),
        *("--edit-format", "whole", "--no-show-model-warnings", "--no-pretty", *quiet),
        *("--auto-test", "--test-cmd", "{command}; cat note.txt; false", "made.txt"),
    )
    name = f"aider, {kind}"
    return App(
        *(name, kind, ("aider",), command, MODELS[kind], "", "", KEYS),
        prompt=WRITE,
        answer=" heard: ",
        rewrites=True,  # files are shown as they are now
    )


EVERY = (
    CLAUDE,
    CODEX,
    CODEX_SERVED,
    CODEX_CLASSIC,
    *map(_python, MODELS),
    *map(_node, MODELS),
    *map(_llm, MODELS),
    *map(_opencode, MODELS),
    *map(_aider, AIDER_MODELS),
)
APPS = {app.name: app for app in EVERY}
