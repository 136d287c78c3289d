"""The handler of mcp."""

import os
import shlex
import sys

from xw import confined
from xw.cli.call import Call, warn
from xw.errors import Refused, Usage, XwError


def mcp(call: Call, http: bool, port: int, token_file: str | None) -> int:
    """Serve the instance's mail to a program as tools, until the program or a signal ends it.

    Return 0, or the exit code of what kept it from opening the instance until its input ended.
    """
    if token_file and not http:
        raise Usage("--token-file belongs to --http: on standard input there is no token")
    if http and os.environ.get(confined.VARIABLE):
        raise Refused("a confined agent may not use --http: the program itself starts its server without it")
    _confine(call)
    try:
        from xw.mcp import http as over_http
        from xw.mcp import stdio
        from xw.mcp.server import MailServer
        from xw.mcp.shared_agent import SharedAgent
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "xw":
            raise  # a bug
        install = f"{shlex.quote(sys.executable)} -m pip install 'xw[mcp]'"
        raise Usage(f"xw mcp needs the package mcp: {install}") from None
    shared = SharedAgent(call.options)
    if http:
        server = MailServer(shared, shared.agent().name)
        token = over_http.token_in(token_file) if token_file else over_http.fresh_token()
        listening = over_http.listen(port)
        where = f"http://{over_http.HOST}:{listening.getsockname()[1]}{over_http.PATH}"
        shown = f"the one in {token_file}" if token_file else token
        warn(
            f"{shared.agent().name}'s mail is at {where}; header: Authorization: Bearer TOKEN; token: {shown}"
        )
        over_http.serve(server, listening, token)
        return 0
    name = None
    try:
        name = shared.agent().name
    except XwError as error:  # each call of a tool reports it, until it is put right
        warn(str(error))
    stdio.serve(MailServer(shared, name))
    if name is None:
        try:
            shared.agent()
        except XwError as error:
            return error.code
    return 0


def _confine(call: Call) -> None:
    """Confine this process, as an agent's own calls of xw are: whoever uses the tools is an agent.

    What its options chose becomes its environment, which decides whose files and which project's it may send.
    """
    os.environ[confined.VARIABLE] = "1"
    options = call.options
    given = (("XW_NAME", options.name), ("XW_HUB", options.hub), ("XW_CONFIG", options.config))
    os.environ.update({name: value for name, value in given if value})
