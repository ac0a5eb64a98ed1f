"""A second reader of trace files, written from include/ouro/*.h alone: slow, short, for tests."""
import heapq
import struct
from collections import Counter

MAGIC, CHUNK_MAGIC = b"OUROTRC\n", 0x4b48434f
EVENTS, DEFS = 1, 2
BYTES = (0, 1, 2, 3, 4, 5, 6, 8)
ALLOC, FREE, RELEASE, PLACE, POOL_BIRTH, INCREF, DECREF, REPEAT, EXT = 1, 2, 3, 4, 9, 12, 13, 18, 31
EXT_FORK, DEF_UNLOAD = 3, 3


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


class Trace:
    """Header fields, definitions, and `events`: (ticks, kind, address, arg, depth, tail)."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        assert data[:8] == MAGIC
        (self.format, header, chunk, _, self.id, self.parent, self.pid, self.ppid, self.origin,
         self.clock, _) = struct.unpack_from("<IIIIQQIIIII", data, 8)
        self.end, self.state, self.streams, self.threads = struct.unpack_from("<QIII", data, 128)
        self.status, = struct.unpack_from("<I", data, 160)
        self.lost = struct.unpack_from("<16Q", data, 192)
        self.counter = struct.unpack_from("<32Q", data, 320)
        best, self.strings, self.notes, self.argv = {}, {}, [], []
        defs = []
        for at in range(header, min(self.end, len(data) - 64), chunk):
            magic, kind, _, stream, _, seq, ticks, _, used, _ = struct.unpack_from(
                "<IHHIIQQQII", data, at)
            body = data[at + 64:at + chunk]
            if magic == CHUNK_MAGIC and kind == DEFS:
                defs += self.definitions(body)
            elif magic == CHUNK_MAGIC and kind == EVENTS:
                if (stream, seq) not in best or best[stream, seq][1] < used:
                    best[stream, seq] = ticks, used, body
        for kind, body in defs:
            if kind == 1:
                number, length = struct.unpack_from("<II", body, 8)
                self.strings[number] = body[16:16 + length].decode()
        self.types, self.runtimes = {}, {}
        for kind, body in defs:
            flags, first, second = struct.unpack_from("<HII", body, 6)
            if kind == 7:
                self.types[first] = flags & 0x3fff, self.strings.get(second, "?")
            elif kind == 10:
                state, = struct.unpack_from("<I", body, 16)
                self.runtimes[self.strings[first]] = flags, self.strings.get(second), state
        for kind, body in defs:
            if kind == 12:
                self.notes.append(self.strings[struct.unpack_from("<II", body, 8)[1]])
            elif kind == 9:
                argc, = struct.unpack_from("<I", body, 16)
                self.argv = [self.strings[n] for n in struct.unpack_from(f"<{argc}I", body, 24)]
        self.defined = Counter(kind for kind, _ in defs)
        self.stream, following = {}, Counter()
        for stream, seq in sorted(best):
            assert seq == following[stream], "a chunk is missing"
            following[stream] += 1
            self.stream.setdefault(stream, []).extend(self.decode(*best[stream, seq]))

    def definitions(self, body):
        at = 0
        while at + 8 <= len(body):
            size, kind, _ = struct.unpack_from("<IHH", body, at)
            if not size:
                return
            if size < 1 << 31:
                yield kind, body[at:at + size]
            at += size & 0x7fffffff

    def decode(self, ticks, used, body):
        at = addr = depth = 0
        depths, pair = [0, 0], [None, None]
        while at < used:
            head, = struct.unpack_from("<H", body, at)
            at += 2
            kind, form, fields = head & 31, head >> 14, []
            for shift in 5, 8, 11:
                n = BYTES[head >> shift & 7]
                fields.append(int.from_bytes(body[at:at + n], "little"))
                at += n
            ticks += fields[0]
            addr += ((fields[1] >> 1) ^ -(fields[1] & 1)) * 8
            for which in range(max(0, form - 1)):
                pop, push = body[at] >> 4, body[at] & 15
                at += 1
                if pop == 15:
                    more, at = varint(body, at)
                    pop += more
                if push == 15:
                    more, at = varint(body, at)
                    push += more
                assert pop <= depths[which], "more frames popped than there are"
                depths[which] += push - pop
                for _ in range(push):
                    _, at = varint(body, at)
            tail = []
            if kind == POOL_BIRTH:
                for _ in range(2):
                    value, at = varint(body, at)
            elif kind == EXT:
                end = at + fields[2]
                while at < end:
                    value, at = varint(body, at)
                    tail.append(value)
            depth = depths[0] if form else None
            if kind == REPEAT:
                for _ in range(fields[2]):
                    yield (ticks, *pair[0])
                    pair.reverse()
                continue
            event = kind, addr, fields[2], depth, tail
            if kind in (INCREF, DECREF):
                pair = [pair[1], event]
            yield (ticks, *event)
        assert at == used, "a record crosses the end"

    def events(self):
        """By time; each stream in its own order; at one tick deaths go first."""
        def keyed(stream):
            for n, e in enumerate(self.stream[stream]):
                yield (e[0], e[1] not in (FREE, RELEASE)), stream, n, e
        heads = [keyed(s) for s in self.stream]
        queue = []
        for source in heads:
            first = next(source, None)
            if first:
                heapq.heappush(queue, (*first, source))
        while queue:
            key, stream, n, event, source = queue[0]
            yield event
            following = next(source, None)
            if following:
                heapq.heapreplace(queue, (*following, source))
            else:
                heapq.heappop(queue)

    def replay(self):
        """Counts of events by kind, blocks alive at the end, and what does not add up."""
        kinds, alive, double, unknown = Counter(), {}, 0, 0
        for _, kind, addr, arg, _, _ in self.events():
            kinds[kind] += 1
            if kind in (ALLOC, PLACE):
                double += addr in alive
                alive[addr] = arg
            elif kind in (FREE, RELEASE):
                unknown += alive.pop(addr, None) is None
        return kinds, alive, double, unknown
