/*
 * opcodes.h - what an instruction is to one who looks for the name of a result
 */
#ifndef CPYTHON_OPCODES_H
#define CPYTHON_OPCODES_H

#include <stdint.h>

enum op_kind {
	OP_OTHER = 0,
	OP_UNKNOWN,			/* hides what stood there, its caches with it  */
	OP_EXTEND,			/* EXTENDED_ARG                                */
	OP_SKIP,			/* leaves the value on top where it is         */
	OP_DUPLICATE,			/* COPY, DUP_TOP                               */
	OP_MAKE,			/* leaves its result on top                    */
	OP_MAKE_PRECALL,		/* 3.11: the first half of a call              */
	OP_MAKE_LITERAL,		/* a literal that LIST_EXTEND may fill         */
	OP_MAKE_NEXT,			/* FOR_ITER                                    */
	OP_EXTEND_LITERAL,
	OP_STORE_LOCAL, OP_STORE_GLOBAL, OP_STORE_CELL, OP_STORE_ATTRIBUTE,
	OP_STORE_FIRST,			/* two locals in one: the first is arg >> 4    */
	OP_LOAD_LOCAL, OP_LOAD_NAME, OP_LOAD_GLOBAL, OP_LOAD_CELL, OP_LOAD_CONST,
	OP_LOAD_ATTRIBUTE,
};

struct py_opcode {
	uint8_t kind, cells;		/* enum op_kind; inline cache entries after it */
};

#endif
