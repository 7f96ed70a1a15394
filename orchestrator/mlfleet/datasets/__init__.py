"""Datasets: one manifest, digests of raw and decoded bytes, no silent fallback."""
