"""Generated stubs of the contract mlfleet.v1; made by proto/generate.sh."""
