"""Hubs on another host, end to end: the commands as users run them, over a real sshd on loopback."""
