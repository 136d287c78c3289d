"""The kinds of remote hub: one line each, by the scheme of their URL.

A hub in a local directory needs no line, and loads none of the others. A line names the module of a kind;
`hub.opening` loads it when such a hub is used.
"""

SCHEMES = {
    "ssh": "xw.hub.ssh",
}


def of(url: str) -> str:
    """Return the scheme of a remote hub's URL, empty for a directory; `[user@]host:path` is ssh."""
    scheme, marked, _ = url.partition("://")
    if marked:
        return scheme if scheme in SCHEMES else ""
    return "ssh" if ":" in url.partition("/")[0] else ""


def forms() -> str:
    """Return the forms of remote hubs' URLs, for an error's text."""
    return f"{', '.join(f'{scheme}://…' for scheme in SCHEMES)} or user@host:path"
