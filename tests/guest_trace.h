/*
 * guest_trace.h - a trace written by the guest's modules, inside a test
 *
 *	trace_begin();			an empty trace, and this thread's block
 *	event(&guard, ...);
 *	trace_bytes(&size);		the file as it stands
 *	trace_end();
 */
#ifndef GUEST_TRACE_H
#define GUEST_TRACE_H

#include "../preload/clock.h"
#include "../preload/defs.h"
#include "../preload/events.h"
#include "../preload/file.h"
#include "../preload/modules.h"
#include "../preload/process.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char trace_folder[64], trace_path[96];
static struct guard guard;
static uint32_t trace_epoch = 1;

static inline void trace_begin(void)
{
	struct ouro_file head = { .id = 7, .pid = (uint32_t)getpid(),
		.state = OURO_STATE_RUNNING };

	strcpy(trace_folder, "/tmp/ouro-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(trace_folder));
	snprintf(trace_path, sizeof trace_path, "%s/t.trace", trace_folder);
	clock_setup();
	modules_setup();
	ck_assert_int_eq(file_create(trace_path, &head), 0);
	process_epoch = &trace_epoch;
	recording = 1;
	ck_assert(GUARD_ENTER(&guard));
}

static inline char *trace_bytes(size_t *ret_size)
{
	FILE *f = fopen(trace_path, "rb");
	struct stat st;
	char *p;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fstat(fileno(f), &st), 0);
	p = malloc((size_t)st.st_size + 1);
	ck_assert_uint_eq(fread(p, 1, (size_t)st.st_size, f), (size_t)st.st_size);
	fclose(f);
	*ret_size = (size_t)st.st_size;
	return p;
}

static inline void trace_end(void)
{
	unlink(trace_path);
	rmdir(trace_folder);
}

/* Runs a suite of one case. */
static inline int run_case(const char *name, void (*add)(TCase *))
{
	Suite *s = suite_create(name);
	TCase *c = tcase_create(name);
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(c, 60);
	add(c);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
