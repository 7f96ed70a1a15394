"""Runtimes: docker and process behind one Launcher."""
