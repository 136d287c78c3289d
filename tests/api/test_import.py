"""`import xw` costs nothing, and offers what `docs/python-api.md` describes."""

import ast
import inspect
import subprocess
import sys
from typing import assert_type

import pytest

import xw
from xw.agent import Agent


def test_import_loads_nothing() -> None:
    """`import xw` loads no module but itself; a name is loaded when it is first used."""
    script = """
import sys
before = set(sys.modules)
import xw
print(sorted(set(sys.modules) - before))
xw.XwError
print(sorted(name for name in set(sys.modules) - before if name.startswith("xw")))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["['xw']", "['xw', 'xw.errors']"]


def test_a_star_imports_the_names() -> None:
    """`from xw import *` gives each public name, and leaves Python's own `open` alone."""
    names: dict[str, object] = {}
    exec("from xw import *", names)
    assert set(names) - {"__builtins__"} == xw._NAMES.keys() - {"open"}


def test_type_checkers_see_what_there_is() -> None:
    """`xw/__init__.py` imports for type checkers exactly the names that it gives programs."""
    tree = ast.parse(inspect.getsource(xw))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    homes = {str(one.asname): f"{node.module}" for node in imports for one in node.names if one.asname}
    assert homes == {name: f"xw.{module}" for name, module in xw._NAMES.items()}
    for name in homes:
        assert getattr(xw, name) is not None
        assert name in dir(xw)
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        xw.nope  # noqa: B018  # type: ignore[attr-defined]


def _is_typed(agent: Agent) -> None:
    """Never called: mypy reads it, as it would a program that uses an installed xw."""
    assert_type(xw.open("alice"), xw.Agent)
    assert_type(agent.send("bob", "task", "x", attach="a.txt", expires="2h"), xw.Sent)
    assert_type(agent.ask(["bob", "carol"], "x", timeout=1), xw.Message)
    assert_type(agent.check(limit=3), xw.Inbox)
    assert_type([message.sender for message in agent.check()], list[str])
    assert_type(next(agent.arrivals("task")), xw.Message)
    assert_type(agent.done("k7f3q2m9"), xw.Done)
