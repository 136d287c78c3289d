"""Who holds a claim: notes before claims, one lock for all, and no live holder robbed."""

from tests.mutations import Mutation

_CLI, _LOOP, _API = (
    ("tests/cli/test_claiming.py",),
    ("tests/loop/test_claims.py",),
    ("tests/api/test_claims.py",),
)
_HUB = ("tests/hub/test_contract_taking.py",)

MUTATIONS = (
    Mutation(
        "the holder is noted before the claim",
        "xw/mirror/holding.py",
        "            save(mailbox, name, held)\n            if carrier.claim(name):\n                return None\n",
        "            if carrier.claim(name):\n                return None\n",
        _CLI,
    ),
    Mutation(
        "a live holder keeps its claim",
        "xw/mirror/holding.py",
        '        if now != "free":\n            return _SAYS[now]\n',
        "",
        (*_CLI, *_API),
    ),
    Mutation(
        "a holder is live as long as its lock is held",
        "xw/mirror/holding.py",
        "or not mailbox.files.held(mailbox.at(layout.HOLDER + found.lock))",
        "or True",
        (*_CLI, *_LOOP),
    ),
    Mutation(
        "the command of a killed watch holds its message",
        "xw/actions/claiming.py",
        "pass_fds=[handle], ",
        "",
        _CLI,
    ),
    Mutation(
        "a bridge leaves what another has claimed since",
        "xw/bridges/loop.py",
        "return holding.load(self._mailbox, name) is None and self._instance",
        "return self._instance",
        _LOOP,
    ),
    Mutation(
        "a claimer removes the note of a bridge that never had the message",
        "xw/mirror/holding.py",
        "            remove_turn(mailbox, name)  # of a bridge that ended before it had the claim\n",
        "",
        _LOOP,
    ),
    Mutation(
        "the notice of a failure is noted before it is sent",
        "xw/actions/claiming.py",
        "return post.send(instance.mailbox, instance.hub, draft, instance.now, note).name",
        "return post.send(instance.mailbox, instance.hub, draft, instance.now).name",
        _CLI,
    ),
    Mutation(
        "a claim on a hub is free only once it was released",
        "xw/hub/taking.py",
        '            mailbox.files.remove(mailbox.at(layout.SCRATCH, f"{name}{layout.FREE}"))\n            return',
        "            return",
        _HUB,
    ),
    Mutation(
        "another machine's claim cannot be released",
        "xw/hub/taking.py",
        "    if (held and held != token) or mailbox",
        "    if mailbox",
        _HUB,
    ),
    Mutation(
        "a retry that was killed is completed, not repeated",
        "xw/actions/sending.py",
        "    before = _repeated(instance, message, (layout.SENT,))\n",
        "    before = None\n",
        ("tests/cli/test_after_sending.py",),
    ),
)
