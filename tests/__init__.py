"""The tests of xw; `make test` runs them."""
