"""What a confined agent may not do."""

from tests.mutations import Mutation

_TESTS = ("tests/cli/test_confined.py",)
MUTATIONS = (
    Mutation(
        "a confined agent's call is judged",
        "xw/cli/call.py",
        "            confined.check_call(",
        "            bool and (",
        _TESTS,
    ),
    Mutation(
        "a confined agent installs no completion",
        "xw/cli/app.py",
        "            confined.check_words(",
        "            bool and (",
        _TESTS,
    ),
    Mutation(
        "a confined agent's attachments are judged",
        "xw/attachments.py",
        '    if os.environ.get("XW_CONFINED"):',
        "    if False:",
        _TESTS,
    ),
    Mutation(
        "a confined agent's texts from files are judged",
        "xw/cli/outgoing.py",
        '    if os.environ.get("XW_CONFINED"):',
        "    if False:",
        _TESTS,
    ),
    Mutation(
        "no link that appears after the check is followed",
        "xw/confined.py",
        "_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW",
        "_FILE = os.O_RDONLY | os.O_NONBLOCK",
        _TESTS,
    ),
    Mutation(
        "… nor one in the place of a folder",
        "xw/confined.py",
        "os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC\n# O_NONBLOCK",
        "os.O_DIRECTORY | os.O_CLOEXEC\n# O_NONBLOCK",
        _TESTS,
    ),
    Mutation(
        "a file with a hard link is not sent",
        "xw/confined.py",
        " and look.st_nlink == 1:",
        ":",
        _TESTS,
    ),
    Mutation(
        "a home directory is no project",
        "xw/confined.py",
        '    if not project or _within(os.path.realpath(os.path.expanduser("~")), project):',
        "    if not project:",
        _TESTS,
    ),
    Mutation(
        "a run keeps its name and hub",
        "xw/confined.py",
        "        _check_environment()\n",
        "        pass\n",
        _TESTS,
    ),
)
