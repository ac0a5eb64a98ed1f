/*
 * json.h - writes JSON, one value after the other
 *
 * The writer keeps track of commas and depth.  A key is given before each
 * value inside an object, and NULL inside an array.  Texts come from traced
 * programs: what is not UTF-8 is written as U+FFFD, so that the output always is.
 */
#ifndef OURO_JSON_H
#define OURO_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	unsigned depth;
	bool started;		/* the innermost object or array has a value already */
	bool lines;		/* a new line for values in the outer two levels     */
};

void json_open(struct json *j, const char *key, char bracket);	/* '{' or '[' */
void json_close(struct json *j, char bracket);			/* '}' or ']' */
void json_text(struct json *j, const char *key, const char *s);	/* NULL: null */
void json_uint(struct json *j, const char *key, uint64_t v);
void json_int(struct json *j, const char *key, int64_t v);
void json_real(struct json *j, const char *key, double v);
void json_bool(struct json *j, const char *key, bool v);
void json_null(struct json *j, const char *key);

/* How many bytes the character at s takes, 0 when it is not well-formed UTF-8. */
unsigned json_utf8_length(const unsigned char *s);

#endif
