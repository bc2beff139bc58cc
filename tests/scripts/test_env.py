"""scripts/_env on small projects of their own: real bash, real Pythons, nothing from a network."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytestmark = pytest.mark.more

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
MAKING, INSTALLING = "Making .venv", "Installing what"

# pip is in every .venv, so this asks for nothing that would have to be fetched.
PYPROJECT = """
[project]
dependencies = ["pip"]
[dependency-groups]
dev = ["pip>=1"]
"""


class Project:
    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "scripts").mkdir(parents=True)
        shutil.copy(SCRIPTS / "_env", root / "scripts")
        (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def witness(self) -> Path:
        """A file that survives unless .venv is made anew."""
        return self.venv / "witness"

    def bash(self, code: str, **environment: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-c", f'set -euo pipefail; . "{self.root}/scripts/_env"; {code}'],
            env={"PATH": os.environ["PATH"], "LLM_BRIDGE_PYTHON": sys.executable, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=50,
            check=False,
        )
        return done.returncode, done.stdout

    def need(self, level: str = "runtime", **environment: str) -> str:
        """What it said; it must have come to a fit .venv."""
        code, said = self.bash(f'need {level}; echo "fit: $VENV"', **environment)
        assert (code, said.splitlines()[-1]) == (0, f"fit: {self.venv}"), said
        return said

    def refuse(self, **environment: str) -> str:
        code, said = self.bash("need runtime; echo went on", **environment)
        assert code == 1 and "went on" not in said
        return said

    def fit(self) -> bool:
        return self.bash("fit")[0] == 0


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """With a fit .venv, which two scripts at once made."""
    project = Project(tmp_path_factory.mktemp("it's") / "a project")
    with ThreadPoolExecutor() as threads:
        said = list(threads.map(project.need, ["runtime", "dev"]))
    assert sum(text.count(MAKING) for text in said) == 1, said
    return project


@pytest.fixture
def bare(tmp_path: Path) -> Project:
    return Project(tmp_path / "bare")


def test_a_fit_venv_is_left_alone(project: Project) -> None:
    assert project.need() == f"fit: {project.venv}\n"


def test_tools_for_tests_are_added_when_they_are_needed(project: Project) -> None:
    project.witness.touch()
    (project.venv / ".has-dev").unlink(missing_ok=True)
    assert INSTALLING in project.need("dev")
    assert "pip>=1" in (project.venv / ".has-dev").read_text(encoding="utf-8")
    assert project.need("dev") == project.need("runtime") == f"fit: {project.venv}\n"
    assert project.witness.exists()


def test_changed_requirements_are_installed_into_the_same_venv(project: Project) -> None:
    pyproject = project.root / "pyproject.toml"
    project.need("dev")
    project.witness.touch()
    pyproject.write_text(PYPROJECT.replace('"pip"', '"pip>=2"'), encoding="utf-8")
    assert INSTALLING in project.need("runtime")
    # and after a change back, what was installed in between is not taken for the old state
    pyproject.write_text(PYPROJECT, encoding="utf-8")
    assert INSTALLING in project.need("dev")
    assert project.witness.exists()


def test_a_venv_made_by_hand_is_adopted(project: Project) -> None:
    project.witness.touch()
    for stamp in project.venv.glob(".has-*"):
        stamp.unlink()
    said = project.need()
    assert INSTALLING in said and MAKING not in said
    assert project.witness.exists()


def test_what_cannot_be_installed_is_said_and_tried_again(project: Project) -> None:
    pyproject = project.root / "pyproject.toml"
    before = pyproject.read_text(encoding="utf-8")
    project.witness.touch()
    pyproject.write_text(PYPROJECT.replace('"pip"', '"pip<1"'), encoding="utf-8")
    assert "pip could not install" in project.refuse(PIP_NO_INDEX="1")
    pyproject.write_text(before, encoding="utf-8")
    assert MAKING not in project.need()
    assert project.witness.exists()


def test_an_interrupted_set_up_starts_again(project: Project) -> None:
    project.witness.touch()
    (project.venv / ".unfinished").touch()
    assert MAKING in project.need()
    assert not project.witness.exists()


def test_what_a_link_leads_to_is_left_alone(project: Project) -> None:
    theirs = project.root.with_name("theirs")
    project.venv.rename(theirs)
    (theirs / ".unfinished").touch()
    before = sorted(theirs.rglob("*"))
    project.venv.symlink_to(theirs)
    assert MAKING in project.need()
    assert not project.venv.is_symlink() and sorted(theirs.rglob("*")) == before


def remove_python(project: Project) -> None:
    for python in (project.venv / "bin").glob("python*"):
        python.unlink()


def move(project: Project) -> None:
    elsewhere = project.root.with_name("elsewhere")
    project.root.rename(elsewhere)
    project.root = elsewhere


def upgrade_python(project: Project) -> None:
    [site] = project.venv.glob("lib/python3*")
    site.rename(site.with_name("python3.2"))


def interrupt(project: Project) -> None:
    (project.venv / ".unfinished").touch()


def break_off_removal(project: Project) -> None:
    (project.venv / "bin" / "activate").unlink()


@pytest.mark.parametrize(
    "damage", [remove_python, move, upgrade_python, interrupt, break_off_removal]
)
def test_an_unfit_venv_is_noticed(bare: Project, damage: Callable[[Project], None]) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare.venv], check=True)
    assert bare.fit()
    damage(bare)
    assert not bare.fit()


def only(folder: Path, **programs: str) -> str:
    """A PATH with the ordinary tools and these programs; no user has a home in it."""
    folder.mkdir()
    for tool in ("bash", "cat", "dirname", "mkdir", "rm", "tail"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
    for name, text in {"id": "echo nobody-here", **programs}.items():
        (folder / name).write_text(f"#!{folder}/bash\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return str(folder)


def test_without_any_python_it_says_what_to_install(bare: Project, tmp_path: Path) -> None:
    said = bare.refuse(PATH=only(tmp_path / "bin"), LLM_BRIDGE_PYTHON="")
    assert "needs Python 3.12 or newer" in said
    for way in ("apt install python3 python3-venv", "brew install", "pyenv install", "uv python"):
        assert way in said


def test_what_was_found_and_does_not_do_is_named(bare: Project, tmp_path: Path) -> None:
    path = only(
        tmp_path / "bin",
        python3="echo '/usr/bin/python3 is Python 3.9' >&2; exit 1",
        **{
            "python3.13": "echo 'pyenv: python3.13: command not found' >&2; exit 127",
            "python3.12": "echo 'P cannot make a .venv (apt install python3.12-venv)'; exit 1",
        },
    )
    said = bare.refuse(PATH=path, LLM_BRIDGE_PYTHON="")
    assert "/usr/bin/python3 is Python 3.9\n" in said
    assert "apt install python3.12-venv" in said
    assert "command not found" not in said


def test_a_named_python_that_does_not_do_is_not_replaced_by_another(bare: Project) -> None:
    assert "LLM_BRIDGE_PYTHON=/nowhere/python" in bare.refuse(LLM_BRIDGE_PYTHON="/nowhere/python")


@pytest.mark.parametrize(
    "place, environment",
    [
        pytest.param("versions/3.13.9", "PYENV_ROOT", id="pyenv where PYENV_ROOT says"),
        pytest.param(".pyenv/versions/3.12.1", "HOME", id="pyenv in the home folder"),
    ],
)
def test_pyenv_versions_are_found_by_themselves(
    bare: Project, tmp_path: Path, place: str, environment: str
) -> None:
    python = tmp_path / "a home" / place / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    path = only(tmp_path / "bin")
    home = {environment: str(tmp_path / "a home")}
    found = bare.bash('find_python; echo "$PYTHON"', PATH=path, LLM_BRIDGE_PYTHON="", **home)
    assert found == (0, f"{sys._base_executable}\n")
