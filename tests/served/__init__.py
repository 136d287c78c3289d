"""Tests of the served hub."""
