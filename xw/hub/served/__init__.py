"""The served hub: sshd starts xw on the hub's host, which gives each key one mailbox."""
