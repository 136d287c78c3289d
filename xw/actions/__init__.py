"""Verbs for people and programs: they take an instance, return values and print nothing."""
