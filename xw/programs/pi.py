"""pi: instructions by an option. It asks no permissions, and takes MCP servers from its own files only."""

from xw.programs import Arrangement, ProgramProfile, Run, parts

_NO_SESSION = ("install", "remove", "uninstall", "update", "list", "config", "auth", "mcp")
_ONCE = ("-p", "--print", "--export", "--list-models")


def arrange(run: Run) -> Arrangement:
    """Append the instructions to its system prompt; in tmux, give it the screen that xw can read back."""
    if parts.has_subcommand(run.argv, *_NO_SESSION):
        return Arrangement(run.argv, ways=())
    argv = (run.argv[0], "--append-system-prompt", parts.instructions(run), *run.argv[1:])
    once = parts.has_option(run.argv, *_ONCE)
    if run.pane and not once and not parts.has_option(run.argv, "--tui-mode"):
        argv = (argv[0], "--tui-mode", "regular", *argv[1:])
    return Arrangement(argv, ways=() if once else None)


PROFILE = ProgramProfile("pi", "pi", ("pi",), "1.6.0", ("tmux",), arrange)
