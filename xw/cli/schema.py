"""The handler of schema."""

import json

from xw.agent import functions
from xw.cli.call import Call
from xw.cli.show import emit, put, say


def schema(call: Call, words: list[str]) -> None:
    """Print a schema, or the names that have one."""
    if not words:
        listed = {kind: functions.schemas(kind) for kind in functions.SCHEMAS}
        if call.json:
            emit(listed)
            return
        for names in listed.values():
            say("\n".join(names))
        return
    text = functions.schema(" ".join(words))
    put(json.dumps(json.loads(text)) if call.json else text.rstrip())
