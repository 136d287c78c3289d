"""Tests of `xw mcp`, in this process and with real ones."""
