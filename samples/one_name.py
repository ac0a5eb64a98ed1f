"""Goes right: one list, one name.  `--snapshot call=sys.getrefcount` shows the second holder."""
import sys

single = []
print("getrefcount:", sys.getrefcount(single))
