"""goose: in a session, instructions and the MCP server by options."""

from shlex import join

from xw.programs import Arrangement, ProgramProfile, Run, parts


def arrange(run: Run) -> Arrangement:
    """Add both behind `session`; leave every other command as it is."""
    if not parts.has_subcommand(run.argv, "session", "s"):
        return Arrangement(run.argv, ways=None if len(run.argv) == 1 else ())
    options: tuple[str, ...] = ("--system", run.instructions)
    if run.has_mcp:
        options += ("--with-extension", "xw:" + join([*run.xw, "mcp"]))
    return Arrangement((*run.argv[:2], *options, *run.argv[2:]))


PROFILE = ProgramProfile("goose", "goose", ("goose",), "1.50.0", ("tmux",), arrange)
