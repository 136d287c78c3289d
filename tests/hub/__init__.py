"""The contract of `xw.hub.contract.Hub`, run on every implementation."""
