/*
 * target.h - can this file be recorded by a preloaded library?
 *
 * Used by the command before it starts a program and by the library before
 * it follows an exec; there it runs in the child of a vfork, so it takes no
 * memory, no lock and no more than 1.5 KiB of stack, and calls the kernel
 * directly.  Follows `#!` lines.  errno is left as it falls.
 *
 * Each verdict but OK names why ld.so would ignore the library, complain
 * about it on the program's stderr, or load it into a process that another
 * allocator checker owns.
 */
#ifndef OURO_TARGET_H
#define OURO_TARGET_H

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum ouro_target {
	OURO_TARGET_OK = 0,
	OURO_TARGET_UNREADABLE,		/* cannot be opened or read, or ends too early */
	OURO_TARGET_NO_PROGRAM,		/* neither ELF nor `#!`                        */
	OURO_TARGET_MACHINE,		/* built for another machine                   */
	OURO_TARGET_STATIC,		/* no dynamic loader                           */
	OURO_TARGET_MUSL,		/* another C library's loader                  */
	OURO_TARGET_SETUID,		/* privileged: the loader drops LD_PRELOAD     */
	OURO_TARGET_SANITIZER,		/* built with a sanitizer's own allocator      */
};

static inline const char *ouro_target_words(enum ouro_target t)
{
	static const char *const words[] = {
		[OURO_TARGET_OK] = "can be recorded",
		[OURO_TARGET_UNREADABLE] = "cannot be read",
		[OURO_TARGET_NO_PROGRAM] = "is neither a program nor a script",
		[OURO_TARGET_MACHINE] = "is built for another machine",
		[OURO_TARGET_STATIC] = "is statically linked",
		[OURO_TARGET_MUSL] = "uses another C library than glibc",
		[OURO_TARGET_SETUID] = "is setuid, setgid or has file capabilities",
		[OURO_TARGET_SANITIZER] = "is built with a sanitizer",
	};

	return words[t];
}

static inline bool ouro_target_read(int fd, void *to, size_t n, uint64_t at)
{
	return syscall(SYS_pread64, fd, to, n, at) == (long)n;
}

/* The file offset of a virtual address, 0 when no segment has it. */
static inline uint64_t ouro_target_offset(int fd, const Elf64_Ehdr *e, uint64_t address)
{
	Elf64_Phdr p;

	for (unsigned i = 0; i < e->e_phnum; i++) {
		if (!ouro_target_read(fd, &p, sizeof(p), e->e_phoff + i * sizeof(p)))
			return 0;
		if (p.p_type == PT_LOAD && address - p.p_vaddr < p.p_filesz)
			return address - p.p_vaddr + p.p_offset;
	}
	return 0;
}

/* Sanitizers' runtimes are linked in or needed; either way one of their entries is named. */
static inline bool ouro_target_sanitized(int fd, const Elf64_Ehdr *e, const Elf64_Phdr *dynamic)
{
	static const char *const entry[] = {
		"__asan_init", "__tsan_init", "__msan_init", "__lsan_init", "__hwasan_init",
	};
	uint64_t strings = 0, size = 0, seen = 0;
	char buf[1024 + 1];
	Elf64_Dyn d;
	size_t keep = 0;

	for (uint64_t at = 0; at + sizeof(d) <= dynamic->p_filesz; at += sizeof(d)) {
		if (!ouro_target_read(fd, &d, sizeof(d), dynamic->p_offset + at) ||
		    d.d_tag == DT_NULL)
			break;
		if (d.d_tag == DT_STRTAB)
			strings = ouro_target_offset(fd, e, d.d_un.d_ptr);
		else if (d.d_tag == DT_STRSZ)
			size = d.d_un.d_val;
	}
	while (strings && seen < size) {
		size_t want = sizeof(buf) - 1 - keep;
		long got;

		if (want > size - seen)
			want = size - seen;
		got = syscall(SYS_pread64, fd, buf + keep, want, strings + seen);
		if (got <= 0)
			return false;
		seen += (uint64_t)got;
		for (unsigned i = 0; i < sizeof(entry) / sizeof(*entry); i++)
			if (memmem(buf, keep + (size_t)got, entry[i], strlen(entry[i])))
				return true;
		keep += (size_t)got;
		if (keep > 16) {	/* a name may straddle two reads */
			memmove(buf, buf + keep - 16, 16);
			keep = 16;
		}
	}
	return false;
}

static inline enum ouro_target ouro_target_elf(int fd, const struct stat *st)
{
	enum ouro_target verdict = OURO_TARGET_STATIC;
	bool musl = false, sanitized = false;
	Elf64_Ehdr e;
	Elf64_Phdr p;
	char interp[64] = "";

	if (!ouro_target_read(fd, &e, sizeof(e), 0))
		return OURO_TARGET_UNREADABLE;
	if (e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_machine != EM_X86_64 ||
	    e.e_phentsize != sizeof(p))
		return OURO_TARGET_MACHINE;
	if ((st->st_mode & S_ISUID && st->st_uid != getuid()) ||
	    (st->st_mode & S_ISGID && st->st_mode & S_IXGRP && st->st_gid != getgid()) ||
	    (getuid() && syscall(SYS_fgetxattr, fd, "security.capability", NULL, 0) > 0))
		return OURO_TARGET_SETUID;
	for (unsigned i = 0; i < e.e_phnum; i++) {
		if (!ouro_target_read(fd, &p, sizeof(p), e.e_phoff + i * sizeof(p)))
			return OURO_TARGET_UNREADABLE;
		if (p.p_type == PT_INTERP) {
			size_t n = p.p_filesz < sizeof(interp) ? p.p_filesz : sizeof(interp) - 1;

			if (!ouro_target_read(fd, interp, n, p.p_offset))
				return OURO_TARGET_UNREADABLE;
			verdict = OURO_TARGET_OK;
			musl = memmem(interp, n, "musl", 4);
		} else if (p.p_type == PT_DYNAMIC) {
			sanitized = ouro_target_sanitized(fd, &e, &p);
		}
	}
	if (verdict != OURO_TARGET_OK)
		return verdict;
	return musl ? OURO_TARGET_MUSL : sanitized ? OURO_TARGET_SANITIZER : OURO_TARGET_OK;
}

/* `path` relative to dirfd as openat takes it; fd alone with path "" (as execveat does). */
static inline enum ouro_target ouro_target_check(int dirfd, const char *path)
{
	char line[256];
	struct stat st;

	for (int hop = 0; hop < 5; hop++) {
		enum ouro_target verdict = OURO_TARGET_UNREADABLE;
		bool own = *path;
		int fd = own ? (int)syscall(SYS_openat, dirfd, path, O_RDONLY | O_CLOEXEC) : dirfd;
		char *from = line + 2, *to;
		long n;

		if (fd < 0)
			return OURO_TARGET_UNREADABLE;
		n = syscall(SYS_pread64, fd, line, sizeof(line) - 1, 0);
		if (n >= 4 && !memcmp(line, ELFMAG, SELFMAG) && fstat(fd, &st) == 0)
			verdict = ouro_target_elf(fd, &st);
		else if (n >= 3 && line[0] == '#' && line[1] == '!')
			verdict = OURO_TARGET_OK;
		else if (n >= 0)
			verdict = OURO_TARGET_NO_PROGRAM;
		if (own)
			syscall(SYS_close, fd);
		if (n < 3 || line[0] != '#' || line[1] != '!')
			return verdict;
		line[n] = 0;
		from += strspn(from, " \t");
		to = from + strcspn(from, " \t\n");
		*to = 0;
		memmove(line, from, (size_t)(to - from) + 1);
		path = line;
		dirfd = AT_FDCWD;
		if (!*path)
			return OURO_TARGET_NO_PROGRAM;
	}
	return OURO_TARGET_NO_PROGRAM;
}

#endif
