"""A long-lived command for tests: JSON lines on stdin, answers on stdout; `die`, `error`, `delay:S` in a text."""

import json
import re
import sys
import time

print("a line that is no answer", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    text = asked["text"]
    if "die" in text.split():
        sys.exit(3)
    delay = re.search(r"delay:([\d.]+)", text)
    time.sleep(float(delay[1]) if delay else 0)
    print(json.dumps({"id": "another", "text": "not this one"}), flush=True)
    answer = {"error": "no credit"} if "error" in text.split() else {"text": "heard:\n" + text}
    print(json.dumps({"id": asked["id"], **answer}), flush=True)
