/*
 * binary.c - see binary.h
 */
#include "binary.h"

#include "mem.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOADER "/lib64/ld-linux-x86-64.so.2"

/* --- files ---------------------------------------------------------------------------- */

struct file {
	int fd;
	Elf *elf;
};

static bool file_open(struct file *f, const char *path)
{
	elf_version(EV_CURRENT);
	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0)
		return false;
	f->elf = elf_begin(f->fd, ELF_C_READ_MMAP, NULL);
	if (f->elf && elf_kind(f->elf) == ELF_K_ELF)
		return true;
	elf_end(f->elf);
	close(f->fd);
	return false;
}

static void file_close(struct file *f)
{
	elf_end(f->elf);
	close(f->fd);
}

static bool find_symbol(Elf *elf, const char *name, GElf_Word table, GElf_Sym *ret)
{
	Elf_Scn *section = NULL;
	GElf_Shdr head;

	while ((section = elf_nextscn(elf, section))) {
		Elf_Data *data;
		size_t n;

		if (!gelf_getshdr(section, &head) || head.sh_type != table || !head.sh_entsize)
			continue;
		data = elf_getdata(section, NULL);
		n = data ? data->d_size / head.sh_entsize : 0;
		for (size_t i = 0; i < n && i < INT32_MAX; i++) {
			const char *s;

			if (!gelf_getsym(data, (int)i, ret) || ret->st_shndx == SHN_UNDEF)
				continue;
			if (table == SHT_SYMTAB && GELF_ST_TYPE(ret->st_info) != STT_FUNC)
				continue;
			s = elf_strptr(elf, head.sh_link, ret->st_name);
			if (s && !strcmp(s, name))
				return true;
		}
	}
	return false;
}

bool binary_has(const struct binary *b, const char *symbol, bool hidden)
{
	struct file f;
	GElf_Sym sym;
	bool has;

	if (b->missing || !file_open(&f, b->path))
		return false;
	has = find_symbol(f.elf, symbol, hidden ? SHT_SYMTAB : SHT_DYNSYM, &sym);
	file_close(&f);
	return has;
}

const struct binary *binaries_with(const struct binaries *b, const char *symbol)
{
	for (size_t i = 0; i < b->n; i++)
		if (binary_has(&b->all[i], symbol, false))
			return &b->all[i];
	return NULL;
}

bool binary_constant(const struct binary *b, const char *symbol, uint64_t *ret)
{
	struct file f;
	GElf_Phdr p;
	GElf_Sym sym;
	size_t n = 0;
	bool got = false;

	if (b->missing || !file_open(&f, b->path))
		return false;
	if (find_symbol(f.elf, symbol, SHT_DYNSYM, &sym) && sym.st_size == sizeof(*ret))
		elf_getphdrnum(f.elf, &n);
	for (size_t i = 0; i < n && !got; i++)
		if (gelf_getphdr(f.elf, (int)i, &p) && p.p_type == PT_LOAD &&
		    sym.st_value >= p.p_vaddr && p.p_filesz >= sizeof(*ret) &&
		    sym.st_value - p.p_vaddr <= p.p_filesz - sizeof(*ret))
			got = pread(f.fd, ret, sizeof(*ret), (off_t)(sym.st_value - p.p_vaddr +
				p.p_offset)) == sizeof(*ret);
	file_close(&f);
	return got;
}

/* "3.11.2", "3.14.0a1+": how long it is, 0 when it is none that begins so. */
static size_t version_length(const char *s, size_t room, const char *begin)
{
	size_t n = 0;
	int dots = 0;

	if (room < 6 || strncmp(s, begin, strlen(begin)))
		return 0;
	while (n < room && n < 16 && (isdigit((unsigned char)s[n]) || s[n] == '.' ||
	       (dots == 2 && strchr("abrc+", s[n]) && s[n])))
		dots += s[n++] == '.';
	return n < room && !s[n] && dots == 2 && s[n - 1] != '.' &&
		isdigit((unsigned char)s[strlen(begin)]) ? n : 0;
}

bool binary_version(const struct binary *b, const char *begin, char *ret, size_t room)
{
	Elf_Scn *section = NULL;
	struct file f;
	size_t found = 0;

	if (b->missing || !file_open(&f, b->path))
		return false;
	while (!found && (section = elf_nextscn(f.elf, section))) {
		GElf_Shdr head;
		Elf_Data *data;
		const char *s;

		if (!gelf_getshdr(section, &head) || head.sh_type != SHT_PROGBITS ||
		    head.sh_flags & (SHF_WRITE | SHF_EXECINSTR) || !(head.sh_flags & SHF_ALLOC))
			continue;
		data = elf_rawdata(section, NULL);
		s = data ? data->d_buf : NULL;
		for (size_t i = 0; s && i < data->d_size && !found; i++) {
			/* Linkers put a text into the end of a longer one. */
			if (i && (isdigit((unsigned char)s[i - 1]) || s[i - 1] == '.'))
				continue;
			found = version_length(s + i, data->d_size - i, begin);
			if (found >= room)
				found = 0;
			if (found)
				memcpy(ret, s + i, found + 1);
		}
	}
	file_close(&f);
	return found;
}

/* --- what would be loaded ------------------------------------------------------------- */

static int add(struct binaries *b, const char *name, size_t length, const char *path,
	       size_t path_length)
{
	struct binary one = { .missing = !path };

	int err = mem_room(&b->all, b->n, &b->cap, sizeof(*b->all));

	if (err)
		return err;
	one.name = strndup(name, length);
	one.path = path ? strndup(path, path_length) : strdup("");
	if (!one.name || !one.path) {
		free(one.name);
		free(one.path);
		return -ENOMEM;
	}
	b->all[b->n++] = one;
	return 0;
}

/*
 * "\tlibm.so.6 => /lib/libm.so.6 (0x7f...)", "\t/lib/x.so (0x7f...)" and
 * "\tliby.so => not found"; what the kernel gives has no path.
 */
static int add_line(struct binaries *b, const char *line)
{
	const char *arrow = strstr(line, " => "), *path, *end;

	if (*line != '\t')
		return 0;
	line++;
	path = arrow ? arrow + 4 : line;
	if (!strncmp(path, "not found", 9))
		return add(b, line, arrow ? (size_t)(arrow - line) : strcspn(line, "\n"), NULL, 0);
	end = strstr(path, " (0x");
	if (!end || !memchr(path, '/', (size_t)(end - path)))
		return 0;
	return add(b, line, (size_t)((arrow ? arrow : end) - line), path, (size_t)(end - path));
}

static pid_t start_loader(const char *program, const char *preload, FILE **ret)
{
	int pipes[2];
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -1;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(pipes[1], STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		unsetenv("LD_AUDIT");		/* would be run */
		unsetenv("LD_DEBUG");
		if (preload)
			setenv("LD_PRELOAD", preload, 1);
		/* Unlike --list this goes on after what is not found. */
		setenv("LD_TRACE_LOADED_OBJECTS", "1", 1);
		execl(LOADER, LOADER, program, (char *)NULL);
		_exit(127);
	}
	close(pipes[1]);
	*ret = pid > 0 ? fdopen(pipes[0], "r") : NULL;
	if (!*ret)
		close(pipes[0]);
	return pid;
}

int binaries_of(struct binaries *b, const char *program, const char *preload)
{
	FILE *in = NULL;
	char *line = NULL, *path = strchr(program, '/') ? NULL : realpath(program, NULL);
	size_t room = 0;
	int err, status = 0;
	pid_t pid;

	*b = (struct binaries){ 0 };
	err = add(b, program, strlen(program), program, strlen(program));
	pid = err ? -1 : start_loader(path ? path : program, preload, &in);
	while (in && !err && getline(&line, &room, in) > 0)
		err = add_line(b, line);
	free(line);
	free(path);
	if (in)
		fclose(in);
	if (pid > 0)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	if (!err && (pid < 0 || !in))
		err = -EAGAIN;
	else if (!err && b->n == 1 && status)
		err = -ENOEXEC;
	if (err)
		binaries_fini(b);
	return err;
}

void binaries_fini(struct binaries *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->all[i].path);
		free(b->all[i].name);
	}
	free(b->all);
	*b = (struct binaries){ 0 };
}

/* --- scripts -------------------------------------------------------------------------- */

bool script_read(struct script *s, const char *path)
{
	FILE *in = fopen(path, "re");
	char *end;
	size_t n;

	if (!in)
		return false;
	n = fread(s->line, 1, sizeof(s->line) - 1, in);
	fclose(in);
	s->line[n] = 0;
	if (n < 3 || s->line[0] != '#' || s->line[1] != '!')
		return false;
	s->line[strcspn(s->line, "\n")] = 0;
	s->interpreter = s->line + 2 + strspn(s->line + 2, " \t");
	end = s->interpreter + strcspn(s->interpreter, " \t");
	s->argument = end + strspn(end, " \t");
	*end = 0;
	s->argument[strcspn(s->argument, " \t")] = 0;
	return *s->interpreter;
}
