"""schema."""

import json

from xw.actions import schema as schemas
from xw.cli.call import Call
from xw.cli.show import emit, put, say


def schema(call: Call, words: list[str]) -> None:
    """Print a schema, or the names for which there is one."""
    if not words:
        listed = {kind: schemas.names(kind) for kind in schemas.KINDS}
        if call.json:
            emit(listed)
            return
        for names in listed.values():
            say("\n".join(names))
        return
    text = schemas.schema(" ".join(words))
    put(json.dumps(json.loads(text)) if call.json else text.rstrip())
