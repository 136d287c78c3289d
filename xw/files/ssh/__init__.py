"""Connect to a hub's host by SSH, and verify its identity; start reading at `link`."""
