"""Suites: named lists of workloads in TOML, and the strict reader for them."""
