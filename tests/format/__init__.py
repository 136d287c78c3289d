"""The format on disk: names, ids, messages, times."""
