"""Rooms: policies, the coordinator under crashes, limits, and the commands."""
