#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SPOOL_FIRST = 1 << 16 };

static int open_nameless(void)
{
	const char *dir = getenv("TMPDIR");
	int fd = dir && *dir ? open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;

	return fd >= 0 ? fd : open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

/* All of it is reserved: a full disk must not be found out by a write to memory. */
static uint8_t *mapped(int fd, uint64_t room)
{
	void *p;

	if (posix_fallocate(fd, 0, (off_t)room))
		return NULL;
	p = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

static bool into_file(struct spool *s, uint64_t room)
{
	int fd = s->is_file ? s->fd : open_nameless();
	uint8_t *p = fd >= 0 ? mapped(fd, room) : NULL;

	if (!p) {
		if (fd >= 0 && !s->is_file)
			close(fd);
		return false;
	}
	if (s->is_file) {
		munmap(s->p, s->room);
	} else {
		if (s->size)
			memcpy(p, s->p, s->size);
		free(s->p);
	}
	s->p = p;
	s->fd = fd;
	s->is_file = true;
	return true;
}

static bool into_memory(struct spool *s, uint64_t room)
{
	uint8_t *p = s->is_file ? malloc(room) : realloc(s->p, room);

	if (!p)
		return false;
	if (s->is_file) {
		memcpy(p, s->p, s->size);
		munmap(s->p, s->room);
		close(s->fd);
		s->is_file = false;
	}
	s->p = p;
	return true;
}

int spool_room(struct spool *s, uint64_t n)
{
	uint64_t room = s->room ? s->room : SPOOL_FIRST;

	if (s->room - s->size >= n)
		return 0;
	while (room - s->size < n)
		room *= 2;
	if ((room <= SPOOL_MEMORY || !into_file(s, room)) && !into_memory(s, room))
		return -ENOMEM;
	s->room = room;
	return 0;
}

void spool_fini(struct spool *s)
{
	if (s->is_file) {
		munmap(s->p, s->room);
		close(s->fd);
	} else {
		free(s->p);
	}
	*s = (struct spool){0};
}
