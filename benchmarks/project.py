"""The subject of the benchmarks: a project with alice and bob, and the folders of `bare` beside it."""

import os
from collections.abc import Mapping

from benchmarks import bare
from xw.actions.setup import init
from xw.instance import Instance, Options


def pair(folder: str, environ: Mapping[str, str] = {}) -> tuple[Instance, Instance]:
    """Alice and bob on a new hub in `folder`, which also gets the folders of `bare`."""
    for name in bare.FOLDERS:
        os.mkdir(f"{folder}/{name}")
    options = Options(config=f"{folder}/xw.json")
    alice, bob = (init(options, name, {}, environ=environ).instance for name in ("alice", "bob"))
    return alice, bob
