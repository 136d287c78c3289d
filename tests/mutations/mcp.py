"""The MCP server: who may connect, what an agent may send through it, and answers that nobody gets."""

from tests.mutations import Mutation

_HTTP, _STDIO, _SERVER = (
    ("tests/mcp/test_http.py",),
    ("tests/mcp/test_stdio.py::test_claudes_probe_and_what_no_server_knows",),
    ("tests/mcp/test_server.py",),
)

MUTATIONS = (
    Mutation(
        "an HTTP request needs the token",
        "xw/mcp/http.py",
        "if len(given) != 1 or not hmac.compare_digest(given[0], self._wanted):",
        "if not given:",
        _HTTP,
    ),
    Mutation(
        "a token is made for its owner alone",
        "xw/mcp/http.py",
        "os.O_EXCL | os.O_CLOEXEC, 0o600)",
        "os.O_EXCL | os.O_CLOEXEC, 0o666)",
        _HTTP,
    ),
    Mutation(
        "a token that others can read is refused",
        "xw/mcp/http.py",
        "if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:",
        "if found.st_uid != os.geteuid():",
        _HTTP,
    ),
    Mutation(
        "HTTP requests of web pages are refused",
        "xw/mcp/http.py",
        "TransportSecuritySettings(\n        allowed_hosts",
        "TransportSecuritySettings(\n        enable_dns_rebinding_protection=False, allowed_hosts",
        _HTTP,
    ),
    Mutation(
        "an MCP server is confined",
        "xw/cli/mcp.py",
        '    os.environ[confined.VARIABLE] = "1"\n',
        "",
        _STDIO,
    ),
    Mutation(
        "the answer to a cancelled question stays pending",
        "xw/mcp/tools.py",
        "            call.check_wanted()  # an answer that nobody gets stays pending\n",
        "",
        _SERVER,
    ),
    Mutation(
        "mail is notified only with delivery `push`",
        "xw/mcp/server.py",
        "            while not await self._in_thread(self._shared.may_notify, self._calls):\n",
        "            while False:\n",
        _SERVER,
    ),
)
