"""A long-lived command for tests that speaks JSON lines; a text may say `die`, `error` or `until:PATH`."""

import json
import os
import re
import sys
import time


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


say("a line that is no answer")
for line in sys.stdin:
    asked = json.loads(line)
    text = asked["text"]
    if "die" in text.split():
        sys.exit(3)
    gate = re.search(r"until:(\S+)", text)
    while gate and not os.path.exists(gate[1]):
        time.sleep(0.02)
    say(json.dumps({"id": "another", "text": "not this one"}))
    answer = {"error": "no credit"} if "error" in text.split() else {"text": "heard:\n" + text}
    say(json.dumps({"id": asked["id"], **answer}))
