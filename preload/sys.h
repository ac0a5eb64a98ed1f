/*
 * sys.h - the few things ouro asks of the kernel
 *
 * Each is one raw system call and returns -errno when it fails.  None takes a
 * lock, allocates, or touches errno.
 */
#ifndef SYS_H
#define SYS_H

#include "own.h"
#include "x86_64/syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#define SYS(nr, a, b, c, d, e, f) sys_call(nr, (long)(a), (long)(b), (long)(c), \
	(long)(d), (long)(e), (long)(f))

static inline int sys_open(const char *path, int flags, unsigned mode)
{
	return (int)SYS(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC | O_NOCTTY, mode, 0, 0);
}

static inline void sys_close(int fd)
{
	SYS(SYS_close, fd, 0, 0, 0, 0, 0);
}

static inline long sys_pread(int fd, void *to, size_t n, uint64_t offset)
{
	return SYS(SYS_pread64, fd, to, n, offset, 0, 0);
}

static inline long sys_pwrite(int fd, const void *from, size_t n, uint64_t offset)
{
	return SYS(SYS_pwrite64, fd, from, n, offset, 0, 0);
}

static inline int sys_fallocate(int fd, uint64_t offset, uint64_t n)
{
	return (int)SYS(SYS_fallocate, fd, 0, offset, n, 0, 0);
}

static inline int sys_ftruncate(int fd, uint64_t n)
{
	return (int)SYS(SYS_ftruncate, fd, n, 0, 0, 0, 0);
}

static inline int sys_fstat(int fd, struct stat *st)
{
	return (int)SYS(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH, 0, 0);
}

static inline int sys_stat(const char *path, struct stat *st)
{
	return (int)SYS(SYS_newfstatat, AT_FDCWD, path, st, 0, 0, 0);
}

static inline int sys_unlink(const char *path)
{
	return (int)SYS(SYS_unlink, path, 0, 0, 0, 0, 0);
}

static inline int sys_mkdir(const char *path, unsigned mode)
{
	return (int)SYS(SYS_mkdir, path, mode, 0, 0, 0, 0);
}

/* Renames unless `to` exists. */
static inline int sys_rename_new(const char *from, const char *to)
{
	const unsigned noreplace = 1;
	int r = (int)SYS(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, noreplace, 0);

	if (r != -EINVAL && r != -ENOSYS)
		return r;
	/* A file system without the flag: a hard link does not replace either. */
	r = (int)SYS(SYS_link, from, to, 0, 0, 0, 0);
	return r ? r : sys_unlink(from);
}

static inline long sys_readlink(const char *path, char *to, size_t n)
{
	return SYS(SYS_readlink, path, to, n, 0, 0, 0);
}

/* Fresh, zeroed, private memory, page by page as it is touched; NULL: none. */
static inline void *sys_memory(size_t bytes)
{
	long r = SYS(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (r < 0 && r > -4096)
		return NULL;
	own_add((uintptr_t)r, bytes);
	return (void *)r;
}

static inline void *sys_map_file(int fd, size_t bytes, uint64_t offset)
{
	long r = SYS(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	return r < 0 && r > -4096 ? NULL : (void *)r;
}

static inline void sys_unmap(void *p, size_t bytes)
{
	own_remove((uintptr_t)p);
	SYS(SYS_munmap, p, bytes, 0, 0, 0, 0);
}

static inline uint32_t sys_getpid(void)
{
	return (uint32_t)SYS(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static inline uint32_t sys_getppid(void)
{
	return (uint32_t)SYS(SYS_getppid, 0, 0, 0, 0, 0, 0);
}

static inline uint32_t sys_gettid(void)
{
	return (uint32_t)SYS(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

/* 0: there is such a thread in this process; -ESRCH: there is none. */
static inline int sys_thread_exists(uint32_t pid, uint32_t tid)
{
	return (int)SYS(SYS_tgkill, pid, tid, 0, 0, 0, 0);
}

/* How large a file may become: UINT64_MAX for no limit. */
static inline uint64_t sys_file_limit(void)
{
	struct rlimit limit;

	if (SYS(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit, 0, 0) < 0)
		return UINT64_MAX;
	return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

#endif
