"""The tests of the chats that bridges present mail to; they need tmux."""
