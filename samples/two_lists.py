"""Goes wrong once: two lists hold each other and nothing else reaches them."""
import gc

gc.disable()        # so that the cycle is still there at the end


def entangle():
    first = []
    second = [first]
    first.append(second)


entangle()
