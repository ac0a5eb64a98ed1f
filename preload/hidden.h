/*
 * hidden.h - for variables of the hot path that several files read
 *
 * -fvisibility=hidden says nothing of what is only declared: without this word
 * the compiler asks a table where the variable is, each time.
 */
#ifndef HIDDEN_H
#define HIDDEN_H

#define HIDDEN __attribute__((visibility("hidden")))

#endif
