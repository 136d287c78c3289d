"""`docs/guarantees.md`: each guarantee with tests that go red when it is broken."""
