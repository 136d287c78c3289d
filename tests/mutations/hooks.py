"""Hooks and wakers: what a session is told once, what a hook never does to a turn, when a waker ends."""

from tests.mutations import Mutation

_TOLD, _TELLING, _HOOKING = "xw/told.py", "xw/actions/telling.py", "xw/actions/hooking.py"
_WAKING, _HOOK = "xw/actions/waking.py", "xw/cli/hook.py"
_ONCE = ("tests/hooks/test_told.py",)
_EVENTS = ("tests/hooks/test_events.py",)
_WAKER = ("tests/hooks/test_waker.py",)
_SAFE = ("tests/hooks/test_safety.py",)

MUTATIONS = (
    Mutation(
        "mail is noted as told before its text is given",
        _TOLD,
        "        self._told.store(self.noted)\n        self._settles = True\n",
        "        self._settles = True\n",
        _ONCE,
    ),
    Mutation(
        "that a batch was given is noted after its text",
        _TOLD,
        "            yield telling\n            telling.confirm()\n",
        "            telling.confirm()\n            yield telling\n",
        _ONCE,
    ),
    Mutation(
        "an interrupted batch is named",
        _TOLD,
        "        self.perhaps = () if given == str(self.noted.number) else self.noted.last\n",
        "        self.perhaps = ()\n",
        _ONCE,
    ),
    Mutation(
        "hooks of one session take turns",
        _TOLD,
        '        with self._files.locked_briefly(f"{self._path}.lock", LOCK_S) as note:\n',
        "        apart = __import__('os').urandom(4).hex()\n"
        '        with self._files.locked_briefly(f"{self._path}{apart}.lock", LOCK_S) as note:\n',
        _ONCE,
    ),
    Mutation(
        "a message that the agent has read is told no more",
        "xw/agent/__init__.py",
        "            self._policy.note_read(opened.message)\n",
        "",
        _ONCE,
    ),
    Mutation(
        "a turn is continued a few times only",
        _TELLING,
        "    return row > PER_TURN or len(telling.lately",
        "    return len(telling.lately",
        _ONCE,
    ),
    Mutation(
        "hooks cause a number of turns an hour only",
        _TELLING,
        " or len(telling.lately(instance.now())) >= PER_HOUR\n",
        "\n",
        (*_ONCE, *_WAKER),
    ),
    Mutation(
        "an info is worth no turn",
        _TELLING,
        "not any(map(delivery.wants_turn, new))",
        "not new",
        (*_ONCE, *_WAKER),
    ),
    Mutation(
        "a hold that comes before the mail is obeyed",
        _TELLING,
        "(_is_worth_a_turn(inbox, instance.now()) and turn.allowed())",
        "_is_worth_a_turn(inbox, instance.now())",
        _ONCE,
    ),
    Mutation(
        "a hold keeps a waker from telling",
        _WAKING,
        "        if self._on_hold():\n            return None\n        turn = telling.Turn(continues=False, "
        "allowed=lambda: not (self._on_hold() or self.is_over()))\n",
        "        turn = telling.Turn(continues=False)\n",
        _WAKER,
    ),
    Mutation(
        "a text closes no tag around it",
        _TELLING,
        "said.translate(_FENCED)",
        "said",
        _EVENTS,
    ),
    Mutation(
        "hooks tell no mail beside a bridge",
        "xw/delivery.py",
        " or mailbox.files.held(mailbox.at(layout.BRIDGE_LOCK)):\n",
        ":\n",
        _EVENTS,
    ),
    Mutation(
        "a subagent's end is not the turn's",
        "xw/agent/hooks.py",
        "    if given.is_of_subagent:\n        yield None\n        return\n",
        "",
        _EVENTS,
    ),
    Mutation(
        "a session has one waker",
        _WAKING,
        "            stack.enter_context(Told(instance.mailbox, given.session).waker())\n",
        "            pass\n",
        _WAKER,
    ),
    Mutation(
        "a waker ends with its program",
        _WAKING,
        "        if not lives or self._has_ended():\n",
        "        if self._has_ended():\n",
        _WAKER,
    ),
    Mutation(
        "a waker ends with its session",
        _WAKING,
        "        if not lives or self._has_ended():\n",
        "        if not lives:\n",
        _WAKER,
    ),
    Mutation(
        "no mistake ends a hook with another code than 0",
        "xw/__main__.py",
        "        return 2 if code == WOKEN else 0  # an",
        "        return 2 if code == WOKEN else code  # an",
        (*_SAFE, *_WAKER),
    ),
    Mutation(
        "a hook that hangs is ended",
        _HOOK,
        "    timer = signal.setitimer(signal.ITIMER_REAL, DEADLINE_S, DEADLINE_S / 2)\n",
        "    timer = (0.0, 0.0)\n",
        _SAFE,
    ),
    Mutation(
        "outside of projects a hook does nothing",
        "xw/agent/hooks.py",
        "    return config.of_project(config.here(needed=False)) is not None\n",
        "    return True\n",
        _SAFE,
    ),
)
