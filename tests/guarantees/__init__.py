"""DESIGN section 4, each guarantee with tests that go red when it is broken."""
