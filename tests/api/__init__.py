"""The Agent that programs and every face use."""
