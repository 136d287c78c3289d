"""What both a person and a program can do: verbs that take an instance, return values and print nothing."""
