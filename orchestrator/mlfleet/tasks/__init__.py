"""Tasks: inputs, outputs, parity and quality, a file per family."""
