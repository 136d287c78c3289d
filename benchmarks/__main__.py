"""Run the benchmarks and print a table; exit 1 if a target is missed. Arguments select by name."""

import os
import sys
from tempfile import TemporaryDirectory

from benchmarks import bridges, commands, hooks, library, remote, rooms, signing
from benchmarks.timing import Result

_ALL = (
    {
        "hot": commands.hot,
        "large": commands.large,
        "signing": signing.signing,
        "hooks": hooks.hooks,
        "sending": library.sending,
        "waking": library.waking,
    }
    | bridges.ALL
    | rooms.ALL
    | {"remote": remote.remote}
)


def main(chosen: list[str]) -> int:
    unknown = set(chosen).difference(_ALL)
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(_ALL)}", file=sys.stderr)
        return 2
    print(f"{'':30} {'ours':>10} {'baseline':>10} {'ratio':>6} {'at most':>8}")
    with TemporaryDirectory() as home:
        os.environ["XDG_CONFIG_HOME"] = home  # for the keys, which nobody needs afterwards
        results = [_show(result) for name in chosen or _ALL for result in _ALL[name]()]
    return 0 if all(result.ok for result in results) else 1


def _show(result: Result) -> Result:
    times = f"{result.ours * 1e3:7.2f} ms {result.baseline * 1e3:7.2f} ms"
    verdict = "ok" if result.ok else "OVER"
    print(f"{result.name:30} {times} {result.ratio:6.2f} {result.limit:8.2f}  {verdict}", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
