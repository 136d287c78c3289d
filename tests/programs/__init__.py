"""Imitations of agent programs: each keeps its program's protocol and its traps, without its model."""
