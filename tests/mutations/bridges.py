"""The bridges' loop and its turns: nothing is shown twice, no answer lost or filed twice."""

from tests.mutations import Mutation

_LOOP = ("tests/loop", "tests/bridges/test_contract.py")

MUTATIONS = (
    Mutation(
        "a turn is noted before its message is claimed",
        "xw/bridges/loop.py",
        "        turn.save(self._mailbox, new)\n        try:\n            won",
        "        try:\n            won",
        _LOOP,
    ),
    Mutation(
        "a text is noted before it goes in",
        "xw/bridges/loop.py",
        "        turn.save(self._mailbox, now)\n        self._turn = now\n        return self._present(now, message)",
        "        self._turn = now\n        return self._present(now, message)",
        _LOOP,
    ),
    Mutation(
        "an answer's bytes are noted before it is sent",
        "xw/bridges/loop.py",
        "        turn.save(self._mailbox, ended)\n",
        "",
        _LOOP,
    ),
    Mutation(
        "after a crash the chat is asked whether the text is in",
        "xw/bridges/loop.py",
        "        seen = self._chat.seen(now.mark, now.text)\n",
        "        seen = None if self._turn is None else False\n",
        _LOOP,
    ),
    Mutation(
        "a text that may be in is not shown again",
        "xw/bridges/loop.py",
        '            return self._end(now, message, "uncertain", f"the chat may or may not have shown it: {error}")',
        "            return self._again(now, message, str(error))",
        _LOOP,
    ),
    Mutation(
        "three tries, then it fails",
        "xw/bridges/loop.py",
        "if tries >= TRIES:",
        "if tries >= 10**6:",
        _LOOP,
    ),
    Mutation(
        "the claim is asked for again after a crash",
        "xw/bridges/loop.py",
        "ours = left.stage != CLAIMED or self._instance.carrier.holds(left.name)",
        "ours = True",
        (*_LOOP, "tests/sync/test_bridges.py", "tests/remote/test_up.py"),
    ),
    Mutation(
        "a busy chat makes mail wait",
        "xw/bridges/loop.py",
        "        return bool(reason)\n",
        "        return False\n",
        _LOOP,
    ),
    Mutation(
        "an answer that was begun is carried to its end after a crash",
        "xw/bridges/loop.py",
        "            post.complete(self._mailbox, self._instance.hub, ending.letter, ending.data.encode())\n",
        "            pass\n",
        _LOOP,
    ),
    Mutation(
        "past the hop limit no bridge answers",
        "xw/bridges/present.py",
        "message.hops >= HOP_LIMIT",
        "message.hops >= HOP_LIMIT * 1000",
        _LOOP,
    ),
    Mutation(
        "a kept listing is taken anew once something may have arrived",
        "xw/bridges/queue.py",
        "if seen != self._seen and",
        "if self._seen is None and",
        ("tests/loop/test_queue.py", "tests/loop/test_loop.py"),
    ),
    Mutation(
        "an info is shown only above a younger message",
        "xw/bridges/queue.py",
        "        before = min(head, aged[-1]) if aged else head\n",
        '        before = aged[-1] if aged else "~"\n',
        ("tests/loop/test_infos.py::test_only_older_infos",),
    ),
    Mutation(
        "an info is not shown before its sender's older task",
        "xw/bridges/queue.py",
        "        before = min(head, aged[-1]) if aged else head\n",
        "        before = head\n",
        ("tests/loop/test_infos.py::test_no_info_overtakes_its_senders_task",),
    ),
    Mutation(
        "a damaged note of a turn is not a fresh start",
        "xw/bridges/turn.py",
        "    return Turn(name, LOST)\n",
        "    return Turn(name)\n",
        _LOOP,
    ),
    Mutation(
        "one bridge per instance",
        "xw/bridges/serve.py",
        "mailbox.files.locked(mailbox.at(layout.BRIDGE_LOCK), timeout=1.0)",
        "mailbox.files.locked(mailbox.at(layout.BRIDGE_LOCK) + str(os.getpid()), timeout=1.0)",
        _LOOP,
    ),
    Mutation(
        "an ACP agent says the mode it is in",
        "xw/bridges/acp_agent.py",
        'if self._client.mode not in ("", wanted):',
        "if False:",
        ("tests/bridges/test_acp.py::test_an_agent_that_cannot_be_made_to_ask",),
    ),
    Mutation(
        "an ACP session is put into a mode that asks",
        "xw/bridges/acp_agent.py",
        "if modes.current != wanted:",
        "if False:",
        ("tests/bridges/test_acp.py::test_an_agent_is_put_into_a_mode_that_asks",),
    ),
    Mutation(
        "a failure counts only from one who was asked",
        "xw/actions/asking.py",
        "if not returned and message.sender not in self._asked:",
        "if False:",
        ("tests/loop/test_failures.py::test_a_forged_failure_ends_nothing",),
    ),
)
