"""When mail is shown by itself."""

from tests.mutations import Mutation

_CLI, _LOOP = ("tests/cli/test_delivery.py",), ("tests/loop/test_delivery.py",)
MUTATIONS = (
    Mutation(
        "a hold stops every door",
        "xw/delivery.py",
        "    if held(mailbox) or mailbox.files",
        "    if mailbox.files",
        _CLI,
    ),
    Mutation(
        "… and a bridge",
        "xw/bridges/door.py",
        "        if delivery.held(self._mailbox):\n            return ()",
        "        if False:\n            return ()",
        _LOOP,
    ),
    Mutation(
        "… which shows no message that it has claimed",
        "xw/bridges/loop.py",
        "        if not self._queue.admits(now.name):\n",
        "        if False:\n",
        _LOOP,
    ),
    Mutation(
        "a hold outlives a status of the agent's",
        "xw/presence.py",
        "    if delivery.held(mailbox):\n",
        "    if False:\n",
        _CLI,
    ),
    Mutation(
        "a bridge that announces obeys too",
        "xw/bridges/announce.py",
        "        return [name for name in names if name in admitted], why\n",
        "        return names, why\n",
        _LOOP,
    ),
    Mutation(
        "what comes later is not shown along",
        "xw/bridges/queue.py",
        "            if name not in self._gone and self.admits(name):\n",
        "            if name not in self._gone:\n",
        _LOOP,
    ),
    Mutation(
        "a turn that ended before the mail came is forgotten",
        "xw/bridges/loop.py",
        "        if not self._queue.holds_back():\n            self._door.rest()\n",
        "        if not self._queue.holds_back():\n",
        _LOOP,
    ),
    Mutation(
        "an instance that works elsewhere is not held here",
        "xw/actions/hold.py",
        "    if elsewhere:\n",
        "    if False:\n",
        _CLI,
    ),
)
