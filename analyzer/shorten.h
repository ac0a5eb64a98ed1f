/*
 * shorten.h - names of files and functions, without what differs between builds
 *
 *	/home/me/project/src/a.c            src/a.c          below the project
 *	/usr/lib/python3.11/json/decoder.py python/json/decoder.py
 *	.../site-packages/flask/app.py      site-packages/flask/app.py
 *	/usr/include/c++/12/bits/stl_map.h  bits/stl_map.h   the last two parts of others
 *	/usr/lib/libfoo.so.1.2.3            libfoo.so        a file of code without lines
 *	parse.constprop.0                   parse
 *	libfoo.so+0x1234                    ?
 */
#ifndef OURO_SHORTEN_H
#define OURO_SHORTEN_H

#include "buf.h"

/* Folders that are the project: paths below them are told from there. */
struct shorten {
	const char *root[4];		/* absolute; NULL: fewer                     */
	const char *program;		/* path of the executable, or ""             */
};

void shorten_file(const struct shorten *s, const char *path, struct buf *out);
void shorten_module(const struct shorten *s, const char *path, struct buf *out);
void shorten_function(const char *function, struct buf *out);

#endif
