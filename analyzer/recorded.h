/*
 * recorded.h - the traces that one run of a command leaves behind
 *
 * The first process writes FILE, all others write into the folder FILE.d
 * (ouro/options.h); the snapshot in each is finished by a process of its own, which
 * may outlive the program.
 */
#ifndef OURO_RECORDED_H
#define OURO_RECORDED_H

#include <stdint.h>

struct recorded {
	char **path;			/* FILE, then those in FILE.d by name    */
	uint32_t n;
};

/* FILE need not be there: then it is not in the list.  -ENOMEM. */
int recorded_list(struct recorded *r, const char *path);
void recorded_fini(struct recorded *r);

/* Waits until the snapshot that is being written is done, or its writer gone. */
void recorded_await(const char *path);

/*
 * Of the traces that were recorded with the one at `path`, which stands in FILE.d, the path of
 * that with an id (of struct ouro_file); the caller's to free, NULL: there is none.
 */
char *recorded_with_id(const char *path, uint64_t id);

/* Removes the other processes' traces of an earlier run. */
void recorded_forget_others(const char *path);

#endif
