"""The native chats of Codex and opencode: what is in, what never will be, and what an answer is."""

from tests.mutations import Mutation

_CODEX = "tests/bridges/test_codex.py"
_OPENCODE = "tests/bridges/test_opencode.py"

MUTATIONS = (
    Mutation(
        "nothing is queued after a person has interrupted a turn",
        "xw/bridges/codex.py",
        '"interrupted": PAUSED, "busy"',
        '"interrupted": None, "busy"',
        (f"{_CODEX}::test_interrupted_before",),
    ),
    Mutation(
        "nothing is queued during a turn of Codex",
        "xw/bridges/codex.py",
        '"busy": "busy", "new"',
        '"busy": None, "new"',
        (f"{_CODEX}::test_busy_and_under_a_dialog",),
    ),
    Mutation(
        "only Codex's own refusal means that a text is not queued",
        "xw/bridges/codex.py",
        "            if _REFUSED.search(str(error)):\n",
        "            if error:\n",
        (f"{_CODEX}::test_broken_off",),
    ),
    Mutation(
        "Codex is looked for again before a text is queued",
        "xw/bridges/codex.py",
        '        if self._of(noted["thread"]) is None:\n',
        "        if False:\n",
        (f"{_CODEX}::test_terminal_gone",),
    ),
    Mutation(
        "a process that others share does not tell whose a session is",
        "xw/bridges/codex.py",
        "not thread.shared and ",
        "",
        (f"{_CODEX}::test_shared_process",),
    ),
    Mutation(
        "only processes of the same user are looked at",
        "xw/bridges/agent_process.py",
        " or processes.owner(number) != os.geteuid()",
        "",
        (f"{_CODEX}::test_processes_of_other_users",),
    ),
    Mutation(
        "a text to opencode is noted before it goes out",
        "xw/bridges/opencode_http.py",
        "                before()\n",
        "                pass\n",
        (f"{_OPENCODE}::test_refused",),
    ),
    Mutation(
        "a text that may be on its way to opencode is not sent again",
        "xw/bridges/opencode.py",
        "else None if sent else False",
        "else False",
        (f"{_OPENCODE}::test_killed_while_it_presents",),
    ),
    Mutation(
        "nothing goes into opencode under a dialog",
        "xw/bridges/opencode.py",
        "                return DIALOG\n",
        "                pass\n",
        (f"{_OPENCODE}::test_busy_and_under_a_dialog",),
    ),
    Mutation(
        "mail goes to the opencode that has the port of its command line",
        "xw/bridges/opencode_servers.py",
        "sockets.get(port, set()) & processes.held(one) and ",
        "",
        (f"{_OPENCODE}::test_a_port_that_another_program_has",),
    ),
    Mutation(
        "no text goes to whoever listens at the port of an opencode that has ended",
        "xw/bridges/opencode.py",
        '        if not self._program.is_at(noted["server"]):\n',
        "        if False:\n",
        (f"{_OPENCODE}::test_a_port_that_another_program_got",),
    ),
    Mutation(
        "a message to opencode is the latest of its session",
        "xw/bridges/opencode.py",
        "        now = max(now, int(found[1], 16) + 1)\n",
        "        pass\n",
        (f"{_OPENCODE}::test_id_is_the_latest",),
    ),
    Mutation(
        "a session of an earlier run of opencode gets no mail",
        "xw/bridges/opencode.py",
        ' and one["time"]["updated"] / 1000 >= self._since',
        "",
        (f"{_OPENCODE}::test_sessions_of_earlier_runs",),
    ),
)
