"""Another release of a framework behind the same adapter: its pin changed, all else resolved for that release.

The adapter's sources are copied to a tree of their own in the cache, with a pin and a lock of their own. Builders build
there as they build a checkout, so images of a version know their sources as every image does.
"""
