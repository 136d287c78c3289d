"""`schema`: the JSON Schemas of `--json` output and of the format's files."""

import os

from xw.actions import shipped
from xw.errors import NotFound
from xw.text import nearest

_FOLDER = "docs/schemas"
KINDS = ("commands", "files")


def names(kind: str) -> list[str]:
    """Return the names that have a schema: commands or files, as `kind` says."""
    found = sorted(os.listdir(os.path.join(shipped.folder(_FOLDER), kind)))
    return [name.removesuffix(".json").replace("_", " ") if kind == "commands" else name for name in found]


def schema(name: str) -> str:
    """Return the JSON Schema of a command's output or of a file of the format. Raise NotFound."""
    known = {kind: names(kind) for kind in KINDS}
    for kind in KINDS:
        if name in known[kind]:
            file = f"{name.replace(' ', '_')}.json" if kind == "commands" else name
            return shipped.text(_FOLDER, f"{kind}/{file}")
    hint = nearest(name, [one for listed in known.values() for one in listed])
    raise NotFound(f"no schema {name!r}{hint}: `xw schema` lists them")
