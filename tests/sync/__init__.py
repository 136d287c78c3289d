"""Sync: mirrors and hubs elsewhere, over the real sftp-server on a socket pair."""
