"""The subject of the benchmarks: a project with alice and bob, and the folders of `bare` beside it."""

import os
from collections.abc import Mapping

from benchmarks import bare
from xw.actions.setup import init
from xw.instance import Instance, Options


def plain() -> dict[str, str]:
    """The environment without anything that names an instance or a hub."""
    return {"XDG_CONFIG_HOME": os.environ["XDG_CONFIG_HOME"]}


def pair(folder: str, environ: Mapping[str, str] | None = None) -> tuple[Instance, Instance]:
    """Alice and bob on a new hub in `folder`, which also gets the folders of `bare`."""
    for name in bare.FOLDERS:
        os.mkdir(f"{folder}/{name}")
    options = Options(config=f"{folder}/xw.json")
    alice, bob = (init(options, name, {}, environ=environ or plain()).instance for name in ("alice", "bob"))
    return alice, bob
