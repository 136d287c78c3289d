"""Tests of keys, signatures, and of what is known of senders."""
