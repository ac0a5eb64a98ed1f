/*
 * json_valid.h - is this text one JSON value (RFC 8259), and nothing else?
 */
#ifndef OURO_TESTS_JSON_VALID_H
#define OURO_TESTS_JSON_VALID_H

#include <stdbool.h>
#include <string.h>

static inline const char *json_space(const char *s)
{
	return s + strspn(s, " \t\r\n");
}

static inline const char *json_string_end(const char *s)
{
	for (s++; *s != '"'; s++) {
		if ((unsigned char)*s < 0x20)
			return NULL;
		if (*s != '\\')
			continue;
		s++;
		if (*s == 'u' && strspn(s + 1, "0123456789abcdefABCDEF") < 4)
			return NULL;
		if (!*s || !strchr("\"\\/bfnrtu", *s))
			return NULL;
	}
	return s + 1;
}

/* After one value; NULL: it is none.  Tests do not nest deeply. */
static inline const char *json_value_end(const char *s)
{
	static const char *const word[] = { "true", "false", "null" };
	char close;
	size_t i;

	s = json_space(s);
	if (*s == '"')
		return json_string_end(s);
	for (i = 0; i < 3; i++)
		if (!strncmp(s, word[i], strlen(word[i])))
			return s + strlen(word[i]);
	if (*s == '-' || (*s >= '0' && *s <= '9')) {
		s += *s == '-';
		return strspn(s, "0123456789") ? s + strspn(s, "0123456789.eE+-") : NULL;
	}
	if (*s != '{' && *s != '[')
		return NULL;
	close = *s == '{' ? '}' : ']';
	s = json_space(s + 1);
	if (*s == close)
		return s + 1;
	for (;; s = json_space(s + 1)) {
		if (close == '}') {
			if (*s != '"' || !(s = json_string_end(s)))
				return NULL;
			s = json_space(s);
			if (*s++ != ':')
				return NULL;
		}
		s = json_value_end(s);
		if (!s)
			return NULL;
		s = json_space(s);
		if (*s == close)
			return s + 1;
		if (*s != ',')
			return NULL;
	}
}

static inline bool json_valid(const char *s)
{
	s = json_value_end(s);
	return s && !*json_space(s);
}

#endif
