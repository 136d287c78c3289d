"""Install what is missing, then run the tests where they can, on a machine without any network.

`python -m tests.agents [PYTEST-ARGUMENT …]`. In a network namespace of its own
an agent program reaches the tests' model server and nothing else; where
namespaces are not allowed the programs are only told not to call home.
"""

import os
import subprocess
import sys

from tests.agents.programs import PROGRAMS, install

_NAMESPACES = (["unshare", "--net"], ["unshare", "--map-root-user", "--net"])
_INSIDE = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def main(arguments: list[str]) -> None:
    install(list(PROGRAMS))
    tests = [sys.executable, "-m", "pytest", "-m", "agents", "tests/agents", *arguments]
    apart = next((one for one in _NAMESPACES if _works([*one, *_INSIDE, "true"])), None)
    if apart is None:
        print("agents: no network namespace is allowed here; the programs could reach the network")  # noqa: T201
    command = [*apart, *_INSIDE, *tests] if apart else tests
    os.execvp(command[0], command)


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False  # no util-linux: not Linux


if __name__ == "__main__":
    main(sys.argv[1:])
