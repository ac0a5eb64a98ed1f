#include "file.h"

#include "confine.h"
#include "sys.h"
#include "thr.h"

#include <string.h>

#define FILE_STRIKES 8

static struct ouro_file nowhere;	/* counts go here while there is no trace */
struct ouro_file *file = &nowhere;

/* Only ever changed while there is no other thread of ours: at start, in a forked child. */
static struct {
	char path[4096];
	dev_t device;
	ino_t inode;
} here;

static int strikes;
static int in_use = -1;			/* see file_use                              */

/* Chunks mapped ahead, see file_hold. */
static struct {
	char *first;
	unsigned chunks, taken;		/* taken may grow beyond                     */
} held;

const char *file_path(void)
{
	return here.path;
}

static bool mapped(void)
{
	return file != &nowhere;
}

/* The trace, opened anew; -ESTALE when the name leads to another file by now. */
int file_open(void)
{
	struct stat st;
	int fd = sys_open(here.path, O_RDWR | O_NOFOLLOW, 0);
	int r;

	if (fd < 0)
		return fd;
	r = sys_fstat(fd, &st);
	if (!r && (st.st_dev != here.device || st.st_ino != here.inode))
		r = -ESTALE;
	if (!r)
		return fd;
	sys_close(fd);
	return r;
}

void file_use(int fd)
{
	if (fd >= 0)
		in_use = fd;
}

static int reopen(void)
{
	return in_use >= 0 ? in_use : file_open();
}

static void let_go(int fd)
{
	if (fd != in_use)
		sys_close(fd);
}

static int write_zeros(int fd, uint64_t offset, size_t n)
{
	static const char zeros[4096];

	for (; n; n -= sizeof zeros, offset += sizeof zeros)
		if (sys_pwrite(fd, zeros, sizeof zeros, offset) != (long)sizeof zeros)
			return -ENOSPC;
	return 0;
}

/* Room on the disk for [offset, offset + n), n whole pages: writing to it can't fail. */
static int allocate(int fd, uint64_t offset, size_t n)
{
	int r;

	/* Going past the limit would raise SIGXFSZ. */
	if (offset + n > sys_file_limit())
		return -EFBIG;
	do
		r = sys_fallocate(fd, offset, n);
	while (r == -EINTR);
	return r == -ENOSYS ? -EOPNOTSUPP : r;
}

static int reserve(int fd, uint64_t offset, size_t n)
{
	int r = allocate(fd, offset, n);

	return r == -EOPNOTSUPP ? write_zeros(fd, offset, n) : r;
}

/*
 * The next place in the file for a chunk.  One that is given back is used
 * again only when nobody took a later one; else it stays a chunk without magic.
 */
static uint64_t place_take(void)
{
	return __atomic_fetch_add(&file->end, OURO_CHUNK_SIZE, __ATOMIC_RELAXED);
}

static void place_give_back(uint64_t offset)
{
	uint64_t end = offset + OURO_CHUNK_SIZE;

	__atomic_compare_exchange_n(&file->end, &end, offset, false, __ATOMIC_RELAXED,
		__ATOMIC_RELAXED);
}

static int judge(int r)
{
	if (!r) {
		__atomic_store_n(&strikes, 0, __ATOMIC_RELAXED);
		return 0;
	}
	if (__atomic_add_fetch(&strikes, 1, __ATOMIC_RELAXED) < FILE_STRIKES)
		return r;
	go_inert(r == -ENOSPC || r == -EDQUOT ? "no space left for the trace"
		: r == -EFBIG ? "the trace reached the limit for files (RLIMIT_FSIZE)"
		: r == -EMFILE || r == -ENFILE ? "no file descriptor left to grow the trace with"
		: r == -ENOENT || r == -ESTALE ? "the trace was moved or removed, or another "
			"root directory was set"
		: r == -EACCES || r == -EPERM ? "the trace may not be opened any more"
		: r == -ENOMEM ? "no memory left to map the trace"
		: "the trace could not be written");
	return r;
}

/*
 * The whole header in one write of one page, before the file has any other size than
 * 0: whoever is killed on the way leaves an empty file or a trace.
 */
static int write_header(int fd, const struct ouro_file *head)
{
	struct ouro_file *page = sys_memory(OURO_HEADER_SIZE);
	long n;

	if (!page)
		return -ENOMEM;
	if (OURO_HEADER_SIZE > sys_file_limit()) {
		sys_unmap(page, OURO_HEADER_SIZE);
		return -EFBIG;
	}
	*page = *head;
	memcpy(page->magic, OURO_MAGIC, sizeof page->magic);
	page->format = OURO_FORMAT;
	page->header_size = OURO_HEADER_SIZE;
	page->chunk_size = OURO_CHUNK_SIZE;
	page->end = OURO_HEADER_SIZE;
	n = sys_pwrite(fd, page, OURO_HEADER_SIZE, 0);
	sys_unmap(page, OURO_HEADER_SIZE);
	return n == OURO_HEADER_SIZE ? 0 : n < 0 ? (int)n : -ENOSPC;
}

static int create(const char *path, const struct ouro_file *head)
{
	int fd = sys_open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
	int r;

	if (fd < 0)
		return fd;
	r = write_header(fd, head);
	if (!r)
		r = allocate(fd, 0, OURO_HEADER_SIZE);
	if (!r || r == -EOPNOTSUPP)
		return fd;
	sys_close(fd);
	sys_unlink(path);
	return r;
}

int file_create(const char *path, const struct ouro_file *head)
{
	size_t length = strlen(path);
	struct ouro_file *f = NULL;
	struct stat st;
	int fd, r;

	if (length >= sizeof here.path)
		return -ENAMETOOLONG;
	fd = create(path, head);
	if (fd < 0)
		return fd;
	r = sys_fstat(fd, &st);
	if (!r)
		f = sys_map_file(fd, OURO_HEADER_SIZE, 0);
	sys_close(fd);
	if (!f) {
		sys_unlink(path);
		return r ? r : -ENOMEM;
	}
	memcpy(here.path, path, length + 1);
	here.device = st.st_dev;
	here.inode = st.st_ino;
	strikes = 0;
	file = f;
	return 0;
}

void file_close(void)
{
	struct ouro_file *old = file;

	if (!mapped())
		return;
	if (held.first)
		sys_unmap(held.first, (size_t)held.chunks * OURO_CHUNK_SIZE);
	memset(&held, 0, sizeof held);
	file = &nowhere;
	nowhere = (struct ouro_file){ 0 };
	sys_unmap(old, OURO_HEADER_SIZE);
}

static struct ouro_chunk *take_held(void)
{
	unsigned i = __atomic_fetch_add(&held.taken, 1, __ATOMIC_RELAXED);

	return i < held.chunks
		? (struct ouro_chunk *)(held.first + (size_t)i * OURO_CHUNK_SIZE) : NULL;
}

void file_hold(unsigned chunks)
{
	size_t bytes = (size_t)chunks * OURO_CHUNK_SIZE;
	uint64_t offset;
	int fd;

	if (held.first || !mapped() || (fd = reopen()) < 0)
		return;
	offset = __atomic_fetch_add(&file->end, bytes, __ATOMIC_RELAXED);
	if (!reserve(fd, offset, bytes)) {
		held.first = sys_map_file(fd, bytes, offset);
		held.chunks = held.first ? chunks : 0;
	}
	let_go(fd);
}

static int map_chunk(struct ouro_chunk **ret)
{
	uint64_t offset;
	int fd, r;

	if (confined) {
		*ret = take_held();
		return *ret ? 0 : -ENOSPC;
	}
	fd = reopen();
	if (fd < 0)
		return fd;
	offset = place_take();
	r = reserve(fd, offset, OURO_CHUNK_SIZE);
	if (!r) {
		*ret = sys_map_file(fd, OURO_CHUNK_SIZE, offset);
		if (!*ret)
			r = -ENOMEM;
	}
	if (r)
		place_give_back(offset);	/* nothing was written to it */
	let_go(fd);
	return r;
}

struct ouro_chunk *file_map_chunk(enum ouro_chunk_kind kind, uint32_t stream)
{
	struct ouro_chunk *c = NULL;

	if (!mapped() || judge(map_chunk(&c)))
		return NULL;
	c->kind = (uint16_t)kind;
	c->stream = stream;
	__atomic_store_n(&c->magic, OURO_CHUNK_MAGIC, __ATOMIC_RELEASE);
	return c;
}

void *file_map_region(uint64_t bytes)
{
	uint64_t offset;
	void *p = NULL;
	int fd = mapped() && !confined ? reopen() : -EBADF;

	if (fd < 0)
		return NULL;
	offset = __atomic_load_n(&file->end, __ATOMIC_RELAXED);
	if (!reserve(fd, offset, bytes))
		p = sys_map_file(fd, bytes, offset);
	if (p)		/* at start: nobody else takes a place yet */
		__atomic_store_n(&file->end, offset + bytes, __ATOMIC_RELEASE);
	else
		sys_ftruncate(fd, offset);
	let_go(fd);
	return p;
}

void file_unmap_chunk(struct ouro_chunk *chunk)
{
	if (chunk)
		sys_unmap(chunk, OURO_CHUNK_SIZE);
}

static int append_held(const struct ouro_chunk *chunk)
{
	struct ouro_chunk *to = take_held(), head = *chunk;

	if (!to)
		return -ENOSPC;
	head.magic = 0;
	memcpy(to + 1, chunk + 1, OURO_CHUNK_ROOM);
	*to = head;
	__atomic_store_n(&to->magic, OURO_CHUNK_MAGIC, __ATOMIC_RELEASE);
	return 0;
}

static int append(const struct ouro_chunk *chunk)
{
	size_t head = sizeof *chunk, body = OURO_CHUNK_SIZE - head;
	uint64_t offset;
	int fd, r = 0;

	if (confined)
		return append_held(chunk);
	fd = reopen();
	if (fd < 0)
		return fd;
	offset = place_take();
	if (offset + OURO_CHUNK_SIZE > sys_file_limit()) {
		place_give_back(offset);
		r = -EFBIG;
	}
	/* The head has the magic, so it comes last: a chunk without it was never written. */
	else if (sys_pwrite(fd, chunk + 1, body, offset + head) != (long)body
	    || sys_pwrite(fd, chunk, head, offset) != (long)head)
		r = -ENOSPC;	/* the place is not given back: it may not be all zero */
	let_go(fd);
	return r;
}

int file_append(const struct ouro_chunk *chunk)
{
	return mapped() ? judge(append(chunk)) : -EBADF;
}
