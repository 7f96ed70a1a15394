"""Readings from outside: cgroups, /proc and a sampler thread."""
