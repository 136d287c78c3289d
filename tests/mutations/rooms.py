"""Rooms: no turn lost or given twice, whatever cuts the coordinator off."""

from tests.mutations import Mutation

_ROOMS = ("tests/rooms",)

MUTATIONS = (
    Mutation(
        "a turn that was cut off is brought to those who lack it",
        "xw/rooms/coordinator.py",
        "                post.complete(self._mailbox, self._hub, state.last.file_name)\n",
        "                pass\n",
        _ROOMS,
    ),
    Mutation(
        "a turn that has its answer is not given again",
        "xw/rooms/coordinator.py",
        "            if not self._answered(state.last):\n",
        "            if True:\n",
        _ROOMS,
    ),
    Mutation(
        "a room's own copy is made before anybody sees the turn",
        "xw/rooms/coordinator.py",
        'thread=state.thread, more=more | draft.more | {"protocol": protocol}, noted=True',
        'thread=state.thread, more=more | draft.more | {"protocol": protocol}',
        _ROOMS,
    ),
    Mutation(
        "after an error the room is folded from its files again",
        "xw/rooms/coordinator.py",
        "        if not self._sound:\n            self.begin()\n",
        "",
        _ROOMS,
    ),
    Mutation(
        "a line is heard by its move to done/",
        "xw/rooms/coordinator.py",
        "        self._mailbox.settle(message.file_name)\n        if answer.line:",
        "        if answer.line:",
        _ROOMS,
    ),
    Mutation(
        "the limit of turns closes the room",
        "xw/rooms/state.py",
        "        if 0 < limits.turns <= self.turns:",
        "        if 0 < limits.turns <= self.turns - 10**6:",
        _ROOMS,
    ),
    Mutation(
        "a closed room gives up its card",
        "xw/rooms/coordinator.py",
        "            self._rooms.close(self.state.name)\n",
        "            pass\n",
        _ROOMS,
    ),
    Mutation(
        "mail that came while the room closed is answered",
        "xw/rooms/coordinator.py",
        "            self._hear()  # mail that came in the meantime\n",
        "",
        _ROOMS,
    ),
    Mutation(
        "a text that passed this room is dropped",
        "xw/rooms/admission.py",
        '    if (state.name in passed and message.type != "reply") or len(passed) > _ROOMS:',
        "    if len(passed) > 10**6:",
        _ROOMS,
    ),
    Mutation(
        "each thing sent names the lines heard before it",
        "xw/rooms/coordinator.py",
        "payload.write(own.kind, own.fields, state.heard, state.aside)",
        "payload.write(own.kind, own.fields, [], state.aside)",
        _ROOMS,
    ),
    Mutation(
        "a stranger is not heard",
        "xw/rooms/admission.py",
        '        return _refusal(message, f"{message.sender} is not a member: '
        'run `xw room join {state.name}`")\n',
        "        return _LINE\n",
        _ROOMS,
    ),
    Mutation(
        "a limit of messages in a minute",
        "xw/rooms/admission.py",
        "if most and lately >= most and not free",
        "if most and lately >= most * 10**6 and not free",
        _ROOMS,
    ),
    Mutation(
        "what an event has answered is not answered again after a crash",
        "xw/rooms/coordinator.py",
        "answer = admission.settled(known) if known else admission.decide(self.state, self._hub, message, now)",
        "answer = admission.decide(self.state, self._hub, message, now)",
        _ROOMS,
    ),
    Mutation(
        "a failed turn is not used up",
        "xw/rooms/state.py",
        "self.turns -= 1",
        "pass",
        ("tests/rooms/test_failing.py",),
    ),
    Mutation(
        "a word wakes who rests",
        "xw/rooms/state.py",
        "self._wake(line)",
        "pass",
        ("tests/rooms/test_failing.py",),
    ),
    Mutation(
        "a resumed room has its card before the event that opens it",
        "xw/rooms/coordinator.py",
        "                self._rooms.reopen(self.state.name, definition.card(self.state.name, self._made))\n",
        "                pass\n",
        ("tests/rooms/test_settings.py",),
    ),
    Mutation(
        "a room without its beginning is not resumed",
        "xw/rooms/state.py",
        "            self.whole = False  # the first message of a room begins its thread\n",
        "            pass\n",
        ("tests/rooms/test_settings.py",),
    ),
    Mutation(
        "only people and the owner change a room",
        "xw/rooms/admission.py",
        "    if not may_command(state, hub, sender) and not (command in",
        "    if False and not (command in",
        ("tests/rooms/test_settings.py",),
    ),
    Mutation(
        "a line that a person typed is noted before anybody sees it",
        "xw/bridges/overheard.py",
        "self._instance.now, before)",
        "self._instance.now)",
        ("tests/rooms/test_overheard.py",),
    ),
    Mutation(
        "a line that was cut off is completed, not sent again",
        "xw/bridges/overheard.py",
        "                post.complete(self._mailbox, self._hub, note.letter, note.data.encode())\n",
        "                pass\n",
        ("tests/rooms/test_overheard.py",),
    ),
)
