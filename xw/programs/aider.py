"""aider: instructions as a file that it reads. It has no hooks and no tools of its own.

In tmux it is started so that its answers can be read back: while it streams, its last paragraph comes twice.
"""

from xw.programs import Arrangement, ProgramProfile, Run, parts

_ONCE = ("-m", "--message", "--msg", "-f", "--message-file")


def arrange(run: Run) -> Arrangement:
    """Let it read the instructions; it proposes commands, and its user confirms each."""
    argv = (run.argv[0], "--read", parts.instructions(run), *run.argv[1:])
    once = parts.has_option(run.argv, *_ONCE)
    if run.pane and not once and not parts.has_option(run.argv, "--stream", "--no-stream"):
        argv = (argv[0], "--no-stream", *argv[1:])
    return Arrangement(
        argv,
        options={"lines": "many", "end": "^Tokens: "},
        notes=("aider asks its user before it runs a command, also `xw`",),
        ways=() if once else None,
    )


PROFILE = ProgramProfile("aider", "aider", ("aider",), "0.86.2", ("tmux",), arrange)
