"""The kinds of hub that lie elsewhere: one line each, by the scheme of their URL.

A hub that is a directory of this machine needs no line, and loads none of the
others. A line names the module of a kind, which `hub.opening` loads when such a
hub is used.
"""

SCHEMES = {
    "ssh": "xw.hub.ssh",
}


def of(url: str) -> str:
    """Return the scheme of a hub elsewhere, empty for a directory; that of `[user@]host:path` is ssh."""
    scheme, marked, _ = url.partition("://")
    if marked:
        return scheme if scheme in SCHEMES else ""
    return "ssh" if ":" in url.partition("/")[0] else ""


def forms() -> str:
    """Return how the URLs of hubs elsewhere are written, for an error."""
    return f"{', '.join(f'{scheme}://…' for scheme in SCHEMES)} or user@host:path"
