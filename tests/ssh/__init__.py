"""Hubs on another host: SFTP and SSH, against OpenSSH's own programs."""
