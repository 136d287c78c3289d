"""Connecting to a hub's host by SSH, and proving that it is the right one; `link` is the way in."""
