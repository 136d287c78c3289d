"""llm: instructions as a fragment of the system prompt. It runs no commands, so a bridge answers for it."""

from xw.programs import Arrangement, ProgramProfile, Run, parts


def arrange(run: Run) -> Arrangement:
    """Add the instructions to a chat; leave every other command as it is."""
    if not parts.has_subcommand(run.argv, "chat"):
        return Arrangement(run.argv, ways=())
    return Arrangement((*run.argv[:2], "--system-fragment", parts.instructions(run), *run.argv[2:]))


PROFILE = ProgramProfile("llm", "llm", ("llm",), "0.36", ("tmux",), arrange)
