"""Gemini CLI: rules by a file of one run, and instructions as its first prompt.

It takes hooks and MCP servers only from settings: its user's, the project's, or the system's, which it reads
only where root alone can write. So a run has none of them unless `xw install gemini` wrote them; mail goes in
through the terminal.
"""

from xw.programs import Arrangement, ProgramProfile, Run, parts

_ONCE = ("-p", "--prompt")
_NO_SESSION = ("mcp", "extensions", "extension", "skills", "skill", "hooks", "hook", "gemma")
_NO_SESSION_OPTIONS = (
    "--acp",
    "--experimental-acp",
    "--list-sessions",
    "--list-extensions",
    "-l",
    "--delete-session",
)
_POLICY = "gemini.toml"
_LAST = "Reply OK now, and wait."
"""The last row of the first prompt. Gemini shows its input seconds before it takes that prompt."""
_RULE = """[[rule]]
toolName = "run_shell_command"
commandPrefix = "xw %s"
decision = "allow"
priority = 100
"""


def arrange(run: Run) -> Arrangement:
    """Give it rules for xw's harmless commands, and its instructions unless it has a prompt of its own."""
    if parts.has_subcommand(run.argv, *_NO_SESSION) or parts.has_option(run.argv, *_NO_SESSION_OPTIONS):
        return Arrangement(run.argv, ways=())
    options = ["--policy", parts.path(run, _POLICY)]
    once = parts.has_option(run.argv, *_ONCE)
    has_prompt = once or parts.has_option(run.argv, "-i", "--prompt-interactive") or _has_query(run.argv)
    if not has_prompt:
        options += ["--prompt-interactive", f"{run.instructions}\n{_LAST}"]
    notes = ["it has a prompt of its own: tell it to run `xw prompt`"] if has_prompt and not once else []
    return Arrangement(
        (run.argv[0], *options, *run.argv[1:]),
        files={_POLICY: "\n".join(parts.rules(_RULE))},
        options={} if has_prompt else {"first": _LAST},
        notes=tuple(notes),
        ways=() if once else None,
    )


def _has_query(argv: tuple[str, ...]) -> bool:
    """Return True if a command line ends in words that are neither options nor their values."""
    before = argv[-2] if len(argv) > 2 else ""
    last = argv[-1] if len(argv) > 1 else ""
    return bool(last) and not last.startswith("-") and (not before.startswith("-") or "=" in before)


PROFILE = ProgramProfile("gemini", "Gemini CLI", ("gemini",), "0.61.0", ("tmux",), arrange)
