/*
 * text.c - code pages by mmap, mprotect and mremap
 *
 * The calls go to the kernel by number: the functions of libc may be hooked, by us or by
 * others, and open and read are cancellation points.
 */
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* One line of /proc/self/maps, as far as we care. */
struct vma {
	uintptr_t begin, end;
	char perms[4];		/* "r-xp", not terminated */
};

/* Reads /proc/self/maps a buffer at a time: it can have thousands of lines. */
struct maps {
	int fd;
	int have, used;
	char buf[512];
};

static int maps_char(struct maps *m)
{
	if (m->used == m->have) {
		do {
			m->have = syscall(SYS_read, m->fd, m->buf, sizeof(m->buf));
		} while (m->have < 0 && errno == EINTR);
		m->used = 0;
		if (m->have <= 0) {
			m->have = 0;
			return -1;
		}
	}
	return m->buf[m->used++];
}

/* Reads hexadecimal digits and what ends them. */
static bool maps_number(struct maps *m, char end, uintptr_t *ret)
{
	uintptr_t v = 0;
	int c;

	while ((c = maps_char(m)) >= 0 && c != end) {
		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (c - 'a' + 10);
		else
			return false;
	}
	*ret = v;
	return c == end;
}

static bool maps_next(struct maps *m, struct vma *ret)
{
	struct vma v;
	int c;

	if (!maps_number(m, '-', &v.begin) || !maps_number(m, ' ', &v.end))
		return false;
	for (int i = 0; i < 4; i++) {
		c = maps_char(m);
		if (c < 0)
			return false;
		v.perms[i] = c;
	}
	do {
		c = maps_char(m);
	} while (c >= 0 && c != '\n');
	*ret = v;
	return true;
}

int text_check(const void *begin, const void *end)
{
	uintptr_t want = (uintptr_t)begin;
	struct maps m = { 0 };
	struct vma v;

	m.fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (m.fd < 0)
		return -errno;
	/* Pages that were written before are mappings of their own: go on. */
	while (want < (uintptr_t)end && maps_next(&m, &v) && v.begin <= want) {
		if (v.end <= want)
			continue;
		if (memcmp(v.perms, "r-xp", 4))
			break;
		want = v.end;
	}
	syscall(SYS_close, m.fd);
	return want >= (uintptr_t)end ? 0 : -EACCES;
}

static void *map(void *at, size_t n, int prot, int flags)
{
	long p = syscall(SYS_mmap, at, n, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1,
			 0L);

	return p == -1 ? NULL : (void *)p;
}

int text_write(void *at, const void *bytes, size_t n)
{
	uintptr_t lo = (uintptr_t)at & -(uintptr_t)TEXT_PAGE;
	uintptr_t hi = ((uintptr_t)at + n + TEXT_PAGE - 1) & -(uintptr_t)TEXT_PAGE;
	uint8_t *copy = map(NULL, hi - lo, PROT_READ | PROT_WRITE, 0);
	int err;

	if (!copy)
		return -errno;
	memcpy(copy, (const void *)lo, hi - lo);
	memcpy(copy + ((uintptr_t)at - lo), bytes, n);
	if (syscall(SYS_mprotect, copy, hi - lo, PROT_READ | PROT_EXEC) ||
	    syscall(SYS_mremap, copy, hi - lo, hi - lo, MREMAP_MAYMOVE | MREMAP_FIXED,
		    lo) == -1) {
		err = -errno;
		syscall(SYS_munmap, copy, hi - lo);
		return err;
	}
	return 0;
}

/* -ENOMEM when the page is taken; kernels before 4.17 read the flag as a mere hint. */
static int page_at(uintptr_t at, void **ret)
{
	void *p = map((void *)at, TEXT_PAGE, PROT_READ | PROT_EXEC, MAP_FIXED_NOREPLACE);

	if (!p)
		return errno == EACCES || errno == EPERM ? -EACCES : -ENOMEM;
	if (p != (void *)at) {
		syscall(SYS_munmap, p, TEXT_PAGE);
		return -ENOMEM;
	}
	*ret = p;
	return 0;
}

/*
 * Downwards first: below a library is where the kernel would put the next mapping anyway,
 * and below an executable there is nothing.  Above an executable its heap begins, within
 * a GiB, and grows, and above the libraries the stack comes down: so there we begin as
 * far off as can be, and keep the heap half a GiB.  And we keep away from address 0,
 * where nobody expects anything and the kernel refuses in its own way.
 */
int text_page_near(const void *at, void **ret)
{
	enum { KIB64 = 1 << 16, MIB = 1 << 20 };
	uintptr_t mid = (uintptr_t)at & -(uintptr_t)KIB64;
	int err;

	for (intptr_t d = KIB64; d < TEXT_REACH && d + MIB <= (intptr_t)mid; ) {
		err = page_at(mid - d, ret);
		if (err != -ENOMEM)
			return err;
		d += d < 16 * MIB ? KIB64 : d < 256 * MIB ? MIB : 16 * MIB;
	}
	for (intptr_t d = TEXT_REACH - MIB; d > 1536L * MIB; d -= 16 * MIB) {
		err = page_at(mid + d, ret);
		if (err != -ENOMEM)
			return err;
	}
	return -ENOMEM;
}

bool text_alone(void)
{
	struct stat st;

	/* The directory has a link for itself, its parent and each thread: so the kernel
	 * counts, and threads made without libc are counted too. */
	return !syscall(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &st, 0) &&
	       st.st_nlink == 3;
}
