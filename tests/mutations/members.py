"""Who may come in to a served hub: one key, one mailbox; an invitation once; every change whole."""

from tests.mutations import Mutation

_AUTHORIZED, _ENTRIES, _MEMBERS, _INVITING = (
    ("tests/served/test_authorized.py",),
    ("tests/served/test_entries.py",),
    ("tests/served/test_members.py",),
    ("tests/served/test_inviting.py",),
)

MUTATIONS = (
    Mutation(
        "another program's change of authorized_keys stays",
        "xw/hub/served/authorized.py",
        "                if self._read() == data:\n",
        "                if True:\n",
        _AUTHORIZED,
    ),
    Mutation(
        "authorized_keys is changed under a lock",
        "xw/hub/served/authorized.py",
        "        with self._files.locked(_LOCK):\n",
        "        if True:\n",
        _AUTHORIZED,
    ),
    Mutation(
        "what a killed process was writing goes",
        "xw/hub/served/authorized.py",
        "            self._clear()\n",
        "",
        _AUTHORIZED,
    ),
    Mutation(
        "an invitation is for one name",
        "xw/hub/served/authorized.py",
        "        if name != found.name:\n",
        "        if False:\n",
        (*_AUTHORIZED, *_INVITING),
    ),
    Mutation(
        "an invitation is used once",
        "xw/hub/served/authorized.py",
        "        if found.used:\n",
        "        if False:\n",
        (*_AUTHORIZED, *_INVITING),
    ),
    Mutation(
        "an invitation that was used is marked",
        "xw/hub/served/authorized.py",
        "        spent = found._replace(used=member.fingerprint)\n",
        "        spent = found\n",
        (*_AUTHORIZED, *_INVITING),
    ),
    Mutation(
        "an invitation expires",
        "xw/hub/served/authorized.py",
        "        if found.expired(now):\n",
        "        if False:\n",
        (*_AUTHORIZED, *_INVITING),
    ),
    Mutation(
        "a key with a line gets no second one",
        "xw/hub/served/authorized.py",
        "        if mine is not None and not (",
        "        if False and not (",
        _AUTHORIZED,
    ),
    Mutation(
        "an invitation is for one hub",
        "xw/hub/served/authorized.py",
        "entry.fingerprint == invitation and same_hub(entry.hub, hub)",
        "entry.fingerprint == invitation",
        _AUTHORIZED,
    ),
    Mutation(
        "a rename keeps a line's other options",
        "xw/hub/served/authorized.py",
        "written(line.entry._replace(name=new, was=old), line.options)",
        "written(line.entry._replace(name=new, was=old))",
        _MEMBERS,
    ),
    Mutation(
        "a rename under way is marked",
        "xw/hub/served/authorized.py",
        "line.entry._replace(name=new, was=old)",
        "line.entry._replace(name=new)",
        _MEMBERS,
    ),
    Mutation(
        "a running server sees that its key is gone",
        "xw/hub/served/authorized.py",
        "            if seen != self._seen:\n",
        "            if not self._seen:\n",
        _AUTHORIZED,
    ),
    Mutation(
        "a running server sees that its key has another name",
        "xw/hub/served/authorized.py",
        "not entry.invited and entry.name == self._name and",
        "not entry.invited and",
        _AUTHORIZED,
    ),
    Mutation(
        "the key of an invitation is no member's",
        "xw/hub/served/authorized.py",
        "        return not entry.invited and entry.name",
        "        return entry.name",
        _AUTHORIZED,
    ),
    Mutation(
        "a member's key forwards nothing",
        "xw/hub/served/entries.py",
        'usual = ["restrict", *',
        'usual = ["no-pty", *',
        _INVITING,
    ),
    Mutation(
        "a new name is free",
        "xw/actions/members.py",
        "        if hub.knows(new):\n",
        "        if False:\n",
        _MEMBERS,
    ),
    Mutation(
        "no rename under a bridge",
        "xw/actions/members.py",
        "            raise_if_served(files, old)\n",
        "            pass\n",
        _MEMBERS,
    ),
    Mutation(
        "a rename takes over the card",
        "xw/actions/members.py",
        "    _take_over_card(hub, old, new)\n",
        "",
        _MEMBERS,
    ),
)
