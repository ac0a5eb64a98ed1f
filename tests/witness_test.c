/*
 * witness_test.c - how a program ended, as the command saw it
 */
#include "witness.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char home[64];

static void put(const char *name, const void *bytes, size_t n)
{
	char path[256];
	int fd;

	for (const char *p = name; (p = strchr(p, '/')); p++) {
		snprintf(path, sizeof path, "%s/%.*s", home, (int)(p - name), name);
		mkdir(path, 0700);
	}
	snprintf(path, sizeof path, "%s/%s", home, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

static void say(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static struct witness look(void)
{
	char proc[128], sys[128];
	struct witness w;

	snprintf(proc, sizeof proc, "%s/proc", home);
	snprintf(sys, sizeof sys, "%s/sys", home);
	witness_look(&w, proc, sys);
	return w;
}

static void setup(void)
{
	snprintf(home, sizeof home, "/tmp/ouro-witness-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	say("proc/vmstat", "nr_free_pages 5\noom_kill 3\n");
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -r %s", home);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(a_group_of_version_2_has_its_limit_and_kills)
{
	struct witness w;

	say("proc/self/cgroup", "0::/a/b\n");
	say("sys/fs/cgroup/a/b/memory.events", "low 0\noom 9\noom_kill 7\n");
	say("sys/fs/cgroup/a/b/memory.max", "67108864\n");
	w = look();
	ck_assert_uint_eq(w.kills_system, 3);
	ck_assert_uint_eq(w.kills_group, 7);
	ck_assert_uint_eq(w.limit, 64 << 20);
	ck_assert_int_eq(w.kind, OURO_LIMIT_GROUP);
	say("sys/fs/cgroup/a/memory.max", "33554432\n");
	ck_assert_uint_eq(look().limit, 32 << 20);
	say("sys/fs/cgroup/a/b/memory.max", "max\n");
	ck_assert_uint_eq(look().limit, 32 << 20);
	say("sys/fs/cgroup/a/memory.max", "max\n");
	ck_assert_uint_eq(look().limit, 0);
}
END_TEST

START_TEST(a_group_of_version_1_has_them_elsewhere)
{
	struct witness w;

	say("proc/self/cgroup", "5:cpu:/x\n4:memory:/m\n0::/\n");
	say("sys/fs/cgroup/memory/m/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
	say("sys/fs/cgroup/memory/m/memory.limit_in_bytes", "1048576\n");
	w = look();
	ck_assert_uint_eq(w.kills_group, 2);
	ck_assert_uint_eq(w.limit, 1 << 20);
	say("sys/fs/cgroup/memory/m/memory.limit_in_bytes", "9223372036854771712\n");
	ck_assert_uint_eq(look().limit, 0);
}
END_TEST

/* What is in the trace's header then. */
static struct ouro_ended ended(uint64_t group, uint64_t system, int status, pid_t pid)
{
	struct ouro_file head = { .magic = OURO_MAGIC, .pid = 42 }, now;
	struct witness before = { 1, 1, 0, 0 }, after = { 1 + group, 1 + system, 64 << 20, OURO_LIMIT_GROUP };
	char path[128];
	int fd;

	put("trace", &head, sizeof head);
	snprintf(path, sizeof path, "%s/trace", home);
	witness_write(&before, &after, path, pid, status, 50 << 20);
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(read(fd, &now, sizeof now), sizeof now);
	close(fd);
	return now.ended;
}

START_TEST(sigkill_while_the_group_was_out_of_memory_is_the_kernels)
{
	struct ouro_ended e = ended(1, 1, SIGKILL, 42);

	ck_assert_uint_eq(e.signal, SIGKILL);
	ck_assert(e.flags & OURO_ENDED_OOM_GROUP);
	ck_assert(!(e.flags & OURO_ENDED_OOM_SYSTEM));
	ck_assert_uint_eq(e.flags >> OURO_ENDED_LIMIT_SHIFT, OURO_LIMIT_GROUP);
	ck_assert_uint_eq(e.most_kib, 50 << 10);
	ck_assert_uint_eq(e.limit_kib, 64 << 10);
	ck_assert(ended(0, 1, SIGKILL, 42).flags & OURO_ENDED_OOM_SYSTEM);
}
END_TEST

START_TEST(another_signal_is_not_even_if_somebody_was_killed)
{
	ck_assert_uint_eq(ended(1, 1, SIGSEGV, 42).flags & 0xff, 0);
	ck_assert_uint_eq(ended(0, 0, SIGKILL, 42).flags & 0xff, 0);
}
END_TEST

START_TEST(nothing_is_written_of_who_exited_or_of_another)
{
	ck_assert_uint_eq(ended(1, 1, 1 << 8, 42).signal, 0);
	ck_assert_uint_eq(ended(1, 1, SIGKILL, 43).signal, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("witness");
	TCase *t = tcase_create("witness");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_group_of_version_2_has_its_limit_and_kills);
	tcase_add_test(t, a_group_of_version_1_has_them_elsewhere);
	tcase_add_test(t, sigkill_while_the_group_was_out_of_memory_is_the_kernels);
	tcase_add_test(t, another_signal_is_not_even_if_somebody_was_killed);
	tcase_add_test(t, nothing_is_written_of_who_exited_or_of_another);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
