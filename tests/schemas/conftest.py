"""The fixtures of the schemas' tests."""

from tests.cli.conftest import _model, empty, team  # noqa: F401
