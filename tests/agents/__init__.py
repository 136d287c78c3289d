"""Bridges to real agent programs, offline, against a model server of the tests' own: `make test-agents`."""
