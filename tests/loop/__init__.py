"""The tests of the bridges' loop, of protocol messages, presence and `xw up`."""
