"""The contract of `xw.files.contract.Files`, run on every implementation."""
