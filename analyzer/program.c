#include "program.h"

#include "buf.h"
#include "mem.h"
#include "recorded.h"
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_python(struct text argv0)
{
	const char *slash = memrchr(argv0.s, '/', argv0.length);
	const char *name = slash ? slash + 1 : argv0.s;

	return argv0.length - (size_t)(name - argv0.s) >= 6 && !memcmp(name, "python", 6);
}

/*
 * "python3 -X dev app.py" is app.py to who wrote it, "/usr/bin/python3 /usr/bin/hg" is hg,
 * "python3 -m http.server" is http.server.
 */
char *program_name(const struct defs *d)
{
	struct text t = d->executable;
	struct buf b = {0};
	char *name;
	bool python = d->argc && is_python(d->argv[0]);
	uint32_t i;

	if (d->argc)
		t = d->argv[0];
	for (i = 1; i < d->argc; i++) {
		const struct text *a = &d->argv[i];

		if (a->length && a->s[0] == '-') {
			bool module = python && a->length == 2 && a->s[1] == 'm';

			if (module && i + 1 < d->argc && d->argv[i + 1].length)
				t = d->argv[i + 1];
			if (module || (a->length == 2 && a->s[1] == 'c'))
				break;
			/* options that take a word: the script is not that word */
			i += a->length == 2 && (a->s[1] == 'X' || a->s[1] == 'W');
			continue;
		}
		if ((python && a->length) || (a->length > 3 && !memcmp(a->s + a->length - 3, ".py", 3)))
			t = *a;
		break;
	}
	buf_add(&b, t.s, t.length);
	name = b.failed ? NULL : strdup(words_file(buf_text(&b)));
	buf_fini(&b);
	return name;
}

/* Its name and pid; a trace that can't be read has none. */
static int look(struct program *p)
{
	struct trace t;
	struct defs d;
	char error[200];
	int e = trace_open(&t, p->path, error);

	if (e) {
		p->name = strdup("");
	} else {
		e = defs_load(&d, &t);
		p->pid = t.head.pid;
		p->name = e ? NULL : program_name(&d);
		if (!e)
			defs_free(&d);
	}
	trace_close(&t);
	return p->name ? 0 : -ENOMEM;
}

static int by_size(const void *a, const void *b)
{
	const struct program *x = a, *y = b;

	return x->bytes != y->bytes ? x->bytes < y->bytes ? 1 : -1 : strcmp(x->path, y->path);
}

int programs_list(struct programs *all, const char *path)
{
	struct recorded r;
	int e = recorded_list(&r, path);

	*all = (struct programs){ 0 };
	if (e)
		return e;
	all->p = mem_array(r.n + 1, sizeof(*all->p));
	for (uint32_t i = 0; i < r.n && all->p; i++) {
		struct stat st;

		if (!strcmp(r.path[i], path) || stat(r.path[i], &st))
			continue;
		all->p[all->n++] = (struct program){ .path = r.path[i], .bytes = (uint64_t)st.st_size };
		r.path[i] = NULL;
	}
	recorded_fini(&r);
	if (!all->p)
		return -ENOMEM;
	qsort(all->p, all->n, sizeof(*all->p), by_size);
	for (uint32_t i = 0; i < all->n && i < PROGRAMS_NAMED && !e; i++)
		e = look(&all->p[i]);
	if (e)
		programs_fini(all);
	return e;
}

void programs_fini(struct programs *all)
{
	for (uint32_t i = 0; i < all->n; i++) {
		free(all->p[i].path);
		free(all->p[i].name);
	}
	mem_free(all->p);
	*all = (struct programs){ 0 };
}
