"""Who sent a message is shown, and nothing unconfirmed is shown or run by itself where that is required."""

from tests.mutations import Mutation

_LOOP, _CLI = ("tests/loop/test_senders.py",), ("tests/cli/test_senders.py",)

MUTATIONS = (
    Mutation(
        "check shows who sent each message",
        "xw/actions/pending.py",
        "    messages = [mailbox.judged(found[name]) for name in sorted(found)]\n",
        "    messages = [found[name] for name in sorted(found)]\n",
        _CLI,
    ),
    Mutation(
        "the word stands before a body's text",
        "xw/cli/show.py",
        '    who = f"{message.type} {message.sender}{status(message)}"\n',
        '    who = f"{message.type} {message.sender}"\n',
        _CLI,
    ),
    Mutation(
        "a bridge leaves unconfirmed mail alone",
        "xw/bridges/loop.py",
        "            elif self._unconfirmed.waits(message):\n",
        "            elif False:\n",
        _LOOP,
    ),
    Mutation(
        "no unconfirmed info is shown above a message",
        "xw/bridges/infos.py",
        "        elif unconfirmed.waits(info):\n",
        "        elif False:\n",
        _LOOP,
    ),
    Mutation(
        "no unconfirmed reply is shown below another",
        "xw/bridges/batch.py",
        "        if unconfirmed.waits(reply):\n",
        "        if False:\n",
        _LOOP,
    ),
    Mutation(
        "a resumed turn needs a confirmed sender too",
        "xw/bridges/loop.py",
        "        if self._unconfirmed.waits(message):  # the policy has changed since it was claimed\n",
        "        if False:\n",
        _LOOP,
    ),
    Mutation(
        "a released message needs a confirmed sender too",
        "xw/bridges/loop.py",
        "                if message and not self._unconfirmed.waits(message):\n",
        "                if message:\n",
        _LOOP,
    ),
    Mutation(
        "mail goes on once its sender is confirmed",
        "xw/bridges/loop.py",
        "        self._queue.let_in(self._unconfirmed.freed())\n",
        "",
        _LOOP,
    ),
    Mutation(
        "no unconfirmed mail is announced",
        "xw/bridges/announce.py",
        "        names = self._unconfirmed.without(self._mailbox.pending())\n",
        "        names = self._mailbox.pending()\n",
        _LOOP,
    ),
    Mutation(
        "no unconfirmed mail is told by a hook",
        "xw/actions/telling.py",
        "    names = unconfirmed.without(name for name in pending_now if wanted.fits(name))\n",
        "    names = [name for name in pending_now if wanted.fits(name)]\n",
        _CLI,
    ),
    Mutation(
        "no worker takes unconfirmed mail",
        "xw/actions/claiming.py",
        "                    if unconfirmed.waits(message):\n",
        "                    if False:\n",
        _CLI,
    ),
    Mutation(
        "watch prints no unconfirmed mail",
        "xw/actions/waiting.py",
        "            fresh = unconfirmed.without(fresh)\n",
        "",
        _CLI,
    ),
    Mutation(
        "an alarming answer ends no ask",
        "xw/actions/asking.py",
        "        if left := self.doubts.about(message):\n",
        "        if left := '':\n",
        _CLI,
    ),
    Mutation(
        "an alarming answer ends no wait",
        "xw/actions/waiting.py",
        "        if left := self.doubts.about(message):\n",
        "        if left := '':\n",
        _CLI,
    ),
    Mutation(
        "a report of an uncertain sender replaces none",
        "xw/reports.py",
        "        if message.report is None or (status and (status.is_alarming or status.waits)):\n",
        "        if message.report is None:\n",
        _CLI,
    ),
)
