"""The words for each way into a program, for `found` and for `findings`, which loads no way for them."""

_THROUGH = {
    "claude": "through its own socket",
    "codex": "through its own queue",
    "opencode": "through its HTTP server",
    "tmux": "typed into its terminal",
}


def through(way: str) -> str:
    """Return how mail goes in by a way, in words."""
    return _THROUGH.get(way, f"by {way}")
