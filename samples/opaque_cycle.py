"""Goes wrong once: a cycle through a C type that the collector cannot see into."""
import opaque


def wrap():
    ring = []
    box = opaque.Box(ring)
    ring.append(box)


wrap()
