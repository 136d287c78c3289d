"""What is withdrawn, and what is sent again: notes before acts, and one winner."""

from tests.mutations import Mutation

_RECALL, _RESEND = ("tests/cli/test_recall.py",), ("tests/cli/test_resend.py",)

MUTATIONS = (
    Mutation(
        "gc records what it removes before it removes it",
        "xw/sweep.py",
        "            _record(mailbox, before, days)\n        left |= _remove(mailbox, messages)\n",
        "            pass\n        left |= _remove(mailbox, messages)\n",
        _RESEND,
    ),
    Mutation(
        "mail that a gc may have removed is not sent again",
        "xw/actions/resending.py",
        "        if may_be_removed(self._instance, copy.sent, held.kept_since, self._clocks):\n",
        "        if False:\n",
        _RESEND,
    ),
    Mutation(
        "mail of an unregistered instance is not sent again to one that took its name",
        "xw/hub/recalling.py",
        "max(sweep.kept_since(mailbox, days), unregistered)",
        "sweep.kept_since(mailbox, days)",
        ("tests/cli/test_unregister.py", "tests/hub/test_contract.py"),
    ),
    Mutation(
        "mail that an unregistration returned is open no longer in a mirror",
        "xw/mirror/sync.py",
        "        self._drop_returned([name for name in mine if name not in found.states], mine)\n",
        "",
        ("tests/hub/test_commands.py",),
    ),
    Mutation(
        "mail that is there is not sent again",
        "xw/actions/resending.py",
        "            if state:\n",
        "            if False:\n",
        _RESEND,
    ),
    Mutation(
        "answered mail is not sent again",
        "xw/actions/resending.py",
        "        if (to, copy.id) in self._answers():\n",
        "        if False:\n",
        _RESEND,
    ),
    Mutation(
        "withdrawn mail is not sent again",
        "xw/actions/resending.py",
        "        if to in withdrawals.withdrawn(self._mailbox, copy.name):\n",
        "        if False:\n",
        _RECALL,
    ),
    Mutation(
        "a mailbox without one of its folders is not an empty one",
        "xw/hub/recalling.py",
        "        if isinstance(look, OSError):\n            raise _unseen(path, str(look.strerror or look))\n",
        "        if isinstance(look, OSError):\n            continue\n",
        (*_RESEND, "tests/hub/test_contract_recalling.py"),
    ),
    Mutation(
        "a recall is noted before it acts",
        "xw/actions/recalling.py",
        "        withdrawals.note(mailbox, place.name, before.union(message.to))\n",
        "",
        _RECALL,
    ),
    Mutation(
        "no flush delivers during a recall",
        "xw/actions/recalling.py",
        "    with instance.carrier.alone():  #",
        "    if True:  #",
        _RECALL,
    ),
    Mutation(
        "a withdrawal keeps the note of an owner that fails the message",
        "xw/hub/recalling.py",
        "        _note(mailbox, name, replace=False)\n",
        "        _note(mailbox, name, replace=True)\n",
        _RECALL,
    ),
)
