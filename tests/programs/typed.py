"""A program with a person at its standard input."""

import subprocess
from contextlib import suppress


class Typed:
    """A process into which a person types lines."""

    process: "subprocess.Popen[str]"

    def type(self, line: str) -> None:
        """Type a line, as a person would."""
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """Kill it as a crash would: its files stay."""
        self.process.kill()
        self.end()

    def end(self) -> None:
        """Close its terminal, and wait for its end."""
        assert self.process.stdin
        with suppress(BrokenPipeError):  # it is dead, and a typed line was left
            self.process.stdin.close()
        self.process.wait(timeout=60)
