"""aider: instructions as a file that it reads. It has no hooks and no tools of its own."""

from xw.programs import Arrangement, ProgramProfile, Run, parts

_ONCE = ("-m", "--message", "--msg", "-f", "--message-file")


def arrange(run: Run) -> Arrangement:
    """Let it read the instructions; it proposes commands, and its user confirms each."""
    argv = (run.argv[0], "--read", parts.instructions(run), *run.argv[1:])
    return Arrangement(
        argv,
        notes=("aider asks its user before it runs a command, also `xw`",),
        ways=() if parts.has_option(run.argv, *_ONCE) else None,
    )


PROFILE = ProgramProfile("aider", "aider", ("aider",), "0.86.2", ("tmux",), arrange)
