"""What writes settings one after another, and leaves other people's alone."""

from tests.mutations import Mutation

_TESTS = ("tests/installing/test_install.py",)
MUTATIONS = (
    Mutation(
        "one process at a time writes settings",
        "xw/actions/installing/__init__.py",
        "    with receipts.locked():",
        "    if planned:",
        _TESTS,
    ),
    Mutation(
        "what another program needs stays at a removal",
        "xw/actions/installing/__init__.py",
        "        if path in kept_for and before is not None:",
        "        if path in kept_for and before is None:",
        _TESTS,
    ),
    Mutation(
        "a person's entry under xw's key is not doubled",
        "xw/actions/installing/pieces.py",
        "        if self.edited(text, name):\n            return text\n        return json_text",
        "        return json_text",
        _TESTS,
    ),
    Mutation(
        "a file that is a FIFO holds nothing up",
        "xw/actions/installing/__init__.py",
        "flags | os.O_NONBLOCK",
        "flags",
        _TESTS,
    ),
    Mutation(
        "what a killed run left is taken away",
        "xw/actions/installing/__init__.py",
        "            os.unlink(_scratch(change.target))",
        "            pass",
        _TESTS,
    ),
    Mutation(
        "a project's files are not written through a link that leads out of it",
        "xw/actions/installing/targets.py",
        "    if project and not real.startswith",
        "    if not project and not real.startswith",
        _TESTS,
    ),
    Mutation(
        "entries that went in side by side come out without a trace",
        "xw/actions/installing/pieces.py",
        "    for piece in reversed(pieces):",
        "    for piece in pieces:",
        _TESTS,
    ),
)
