/*
 * trace.h - the trace file: one header, then chunks of equal size
 *
 * Little-endian, made to be read while it is being written and after its
 * writer died at any instruction.  These numbers sit in files on other
 * people's disks: retire one, never renumber one.  A new layout is a new
 * OURO_FORMAT.  docs/trace-format.md draws the bytes.
 *
 *   offset 0       struct ouro_file
 *   4096           chunk 0
 *   4096 + 64 Ki   chunk 1 ...     up to ouro_file.end, or the end of the file
 *
 * A chunk belongs to a stream; a stream is its chunks in the order of seq.
 * What a thread writes goes to the stream it owns, through one *live* chunk,
 * a shared mapping of the file that it uses again and again: when it is
 * full, its content is appended as a chunk of its own and the live one
 * starts over with the next seq.  A reader that meets one (stream, seq)
 * twice takes the chunk with more bytes in use: the writer died between the
 * two steps.  A chunk whose magic is 0 was handed out and never written.
 */
#ifndef OURO_TRACE_H
#define OURO_TRACE_H

#include <assert.h>
#include <stdint.h>

#define OURO_MAGIC		"OUROTRC\n"
#define OURO_FORMAT		1
#define OURO_HEADER_SIZE	4096
#define OURO_CHUNK_SIZE		65536
#define OURO_CHUNK_MAGIC	0x4b48434fu	/* "OCHK" */

/* How the process came to be recorded. */
enum ouro_origin {
	OURO_ORIGIN_START = 0,	/* started under ouro by somebody         */
	OURO_ORIGIN_FORK  = 1,	/* forked by the process of parent_id     */
	OURO_ORIGIN_EXEC  = 2,	/* took over the process of parent_id     */
};

/* How far the writer got.  RUNNING in the file of a dead process: it was killed. */
enum ouro_state {
	OURO_STATE_RUNNING = 1,
	OURO_STATE_EXITED  = 2,	/* exit(), return from main, last thread gone; or _exit() */
	OURO_STATE_ABORTED = 3,	/* abort()                                 */
	OURO_STATE_EXECED  = 4,	/* replaced by another program             */
	OURO_STATE_INERT   = 5,	/* gave up recording; a DEF_NOTE says why  */
};

enum ouro_clock {
	OURO_CLOCK_TSC       = 1,	/* the processor's counter, >> tick_shift */
	OURO_CLOCK_MONOTONIC = 2,	/* CLOCK_MONOTONIC ns, >> tick_shift      */
};

enum ouro_file_flags {
	OURO_FILE_RING = 1 << 0,	/* old event chunks are written over: living.h */
};

/* Why records are missing: indices of ouro_file.lost. */
enum ouro_lost {
	OURO_LOST_SPACE   = 0,	/* disk full, quota, RLIMIT_FSIZE, file gone       */
	OURO_LOST_MEMORY  = 1,	/* no memory for a thread's buffer                 */
	OURO_LOST_NESTED  = 2,	/* inside another hook: a signal handler allocated */
	OURO_LOST_SIZE    = 3,	/* record larger than a chunk                      */
	OURO_LOST_RING    = 4,	/* written over, as asked for (mode ring)          */
	OURO_LOST_MAX     = 16,
};

/* Indices of ouro_file.counter: statistics, written with relaxed atomics. */
enum ouro_counter {
	OURO_STACKS          = 0,	/* native stacks taken                         */
	OURO_STACKS_FALLBACK = 1,	/* ... with a frame that no rule expresses     */
	OURO_STACKS_CUT      = 2,	/* ... that end before the outermost frame     */
	OURO_INTERP_CUT      = 3,	/* interpreter stacks that were cut            */
	OURO_COMPARED        = 16,	/* native stacks held against libunwind's      */
	OURO_DIFFERS         = 17,	/* ... and found to differ                     */
	OURO_COUNTER_MAX     = 32,
};

/* What set a limit to the program's memory. */
enum ouro_limit {
	OURO_LIMIT_NONE      = 0,
	OURO_LIMIT_ADDRESSES = 1,	/* RLIMIT_AS                                 */
	OURO_LIMIT_DATA      = 2,	/* RLIMIT_DATA                               */
	OURO_LIMIT_GROUP     = 3,	/* its memory cgroup                         */
};

enum ouro_ended_flags {
	OURO_ENDED_OOM_GROUP  = 1 << 0,	/* the kernel killed in its cgroup meanwhile, for want of memory */
	OURO_ENDED_OOM_SYSTEM = 1 << 1,	/* ... somewhere in the system               */
};
#define OURO_ENDED_LIMIT_SHIFT 8	/* enum ouro_limit stands above              */

/* What who started the program saw of its end, when a signal ended it. */
struct ouro_ended {
	uint16_t signal;		/* 0: not known, or none                     */
	uint16_t flags;			/* enum ouro_ended_flags                     */
	uint32_t most_kib;		/* KiB of memory it had at the most          */
	uint32_t limit_kib;		/* 0: none is known                          */
};

/*
 * The first page.  What is above the line is written once, with the magic;
 * the rest by any thread, each field by one atomic operation.
 */
struct ouro_file {
	char     magic[8];		/* OURO_MAGIC; a file that is not empty has it from its first write on */
	uint32_t format;		/* OURO_FORMAT                               */
	uint32_t header_size;		/* where chunk 0 starts                      */
	uint32_t chunk_size;
	uint32_t flags;			/* enum ouro_file_flags                      */
	uint64_t id;			/* random, never 0: names this trace         */
	uint64_t parent_id;		/* 0: nobody recorded started this process   */
	uint32_t pid, ppid;
	uint32_t origin;		/* enum ouro_origin                          */
	uint32_t clock;			/* enum ouro_clock                           */
	uint32_t tick_shift;		/* a tick is the clock >> this               */
	uint32_t reserved0;
	uint64_t start_ticks;		/* three clocks read at one moment ...       */
	uint64_t start_ns;		/* ... CLOCK_MONOTONIC                       */
	uint64_t start_real_ns;		/* ... CLOCK_REALTIME                        */
	uint64_t sample_bytes;		/* 0: every allocation is here               */
	uint64_t reserved1[4];
	/* ---------------------------------------------------------- offset 128 --- */
	uint64_t end;			/* first byte not yet handed out             */
	uint32_t state;			/* enum ouro_state                           */
	uint32_t streams;		/* event streams handed out; numbered from 1 */
	uint32_t threads;		/* threads seen; numbered from 1             */
	uint32_t snapshots_begun;	/* numbered from 1                           */
	uint32_t snapshots_done;	/* ... whose writer has finished or given up */
	uint32_t snapshot_pid;		/* process that writes the newest one        */
	uint32_t exit_status;		/* as given to exit; 0 unless EXITED         */
	uint32_t ring_step;		/* RING: last step of taking chunks back that is whole */
	uint64_t ring_ready;		/* RING: ticks of an EXT_READY that was taken back; 0 */
	struct ouro_ended ended;	/* by the command, when the program is gone; else 0 */
	uint32_t reserved2;
	uint64_t lost[OURO_LOST_MAX];
	uint64_t counter[OURO_COUNTER_MAX];
};
static_assert(sizeof(struct ouro_file) == 576, "layout is a contract");

enum ouro_chunk_kind {
	OURO_CHUNK_EVENTS   = 1,	/* record.h; one writer; stream: from 1        */
	OURO_CHUNK_DEFS     = 2,	/* define.h; many writers; stream 0            */
	OURO_CHUNK_SNAPSHOT = 3,	/* snapshot.h; one writer; stream: its number  */
	OURO_CHUNK_LIVING   = 4,	/* living.h; one writer at a time; stream 0    */
	OURO_CHUNK_STACKS   = 5,	/* living.h; the same                          */
};

/* Every chunk can be understood without the ones before it (and with all definitions). */
struct ouro_chunk {
	uint32_t magic;			/* OURO_CHUNK_MAGIC, written after all else of a new chunk */
	uint16_t kind;			/* enum ouro_chunk_kind                      */
	uint16_t flags;
	uint32_t stream;
	uint32_t thread;		/* EVENTS: whose events come first           */
	uint64_t seq;			/* place in the stream, from 0               */
	uint64_t ticks;			/* EVENTS: the first record's time counts from here */
	uint64_t ns;			/* CLOCK_MONOTONIC at ticks                  */
	uint32_t used;			/* bytes of whole records that follow; release-stored */
	uint32_t lost;			/* records this stream lost just before this chunk    */
	struct ouro_applied {		/* RING: records that are in the LIVING chunks already: */
		uint32_t step;		/* as ouro_file.ring_step                    */
		uint32_t bytes;		/* of the chunk; what stands after them is not */
	} applied[2];			/* the first counts if its step is whole, else the second */
};
static_assert(sizeof(struct ouro_chunk) == 64, "one cache line");

#define OURO_CHUNK_ROOM (OURO_CHUNK_SIZE - sizeof(struct ouro_chunk))

#endif
