/*
 * snapshot.h - the heap at one moment: objects, counts, named edges, roots
 *
 * The payloads of the chunks of one SNAPSHOT stream, one after another.  A
 * record is a kind byte, then LEB128 varints unless said otherwise; none
 * crosses a chunk.  "address" is zigzag((address - previous address of the
 * chunk) / 8); node, edge and root addresses share one "previous", 0 at the
 * start of a chunk.  Strings and types are numbered from 1 in the order in
 * which they appear; 0 is "none".  A stream without SNAP_END is incomplete:
 * its writer was stopped, and no verdict may be drawn from what is missing.
 */
#ifndef OURO_SNAPSHOT_H
#define OURO_SNAPSHOT_H

enum ouro_snap {
	OURO_SNAP_STRING = 1,	/* length, then that many bytes of UTF-8                */
	OURO_SNAP_TYPE   = 2,	/* address, name (string), flags (enum ouro_snap_type),
				 * basic size, item size (bytes)                        */
	OURO_SNAP_NODE   = 3,	/* address, type, size (bytes, as sys.getsizeof counts),
				 * count (refcount), flags (enum ouro_snap_node),
				 * generation, label (string: the name of a function,
				 * class, module; 0: none).  The edges that follow are its own */
	OURO_SNAP_EDGE   = 4,	/* address held, byte: enum ouro_edge_name | flags << 5
				 * (enum ouro_edge_flags), operand (see ouro_edge_name) */
	OURO_SNAP_ROOT   = 5,	/* address held, byte: enum ouro_root, flags (enum
				 * ouro_edge_flags), what (string), function (string),
				 * file (string), line, thread, number                  */
	OURO_SNAP_WORD   = 6,	/* a word of memory outside all nodes that has the
				 * address of an object whose count is not explained:
				 * address held, byte: enum ouro_region, where the word
				 * stands (varint, absolute)                            */
	OURO_SNAP_MORE   = 7,	/* no operands: edges that follow belong to the last node
				 * of the previous chunk                                */
	OURO_SNAP_NOTE   = 8,	/* string: something that limits what this snapshot says */
	OURO_SNAP_END    = 9,	/* nodes, edges, roots, microseconds it took            */
	OURO_SNAP_SCAN   = 10,	/* memory was searched for addresses, whatever it holds:
				 * flags (enum ouro_scan), other threads that waited,
				 * others that ran, bytes searched, words written       */
	OURO_SNAP_WORDS  = 11,	/* words of memory that have the address of something in
				 * memory: how many (1 to 256), byte: enum ouro_region,
				 * where the first one stands / 8, then for each: where /
				 * 8 less the previous one's (0 for the first), address /
				 * 8 as zigzag difference to the previous one's (0 before
				 * the first).  Depends on no other record              */
	OURO_SNAP_THREAD = 12,	/* a thread whose memory was searched: its number for the
				 * kernel, stack pointer (0: not known), address of its
				 * struct pthread (0: not known)                        */
};

enum ouro_snap_type {
	OURO_TYPE_GC      = 1 << 0,	/* its objects take part in collections        */
	OURO_TYPE_HEAP    = 1 << 1,	/* made at run time                            */
	OURO_TYPE_DEL     = 1 << 2,	/* has a finaliser the program wrote           */
	OURO_TYPE_LEAF    = 1 << 3,	/* holds nothing (str, int, ...)               */
	OURO_TYPE_OPAQUE  = 1 << 4,	/* may hold what cannot be seen from outside   */
};

enum ouro_snap_node {
	OURO_NODE_IMMORTAL  = 1 << 0,	/* the count means nothing                     */
	OURO_NODE_STATIC    = 1 << 1,	/* part of a loaded file, not of the heap      */
	OURO_NODE_TRACKED   = 1 << 2,	/* on one of the collector's lists             */
	OURO_NODE_FINALIZED = 1 << 3,	/* its finaliser has run                       */
	OURO_NODE_NAMESPACE = 1 << 4,	/* the dict of a module                        */
	OURO_NODE_CODE_INFRA = 1 << 5,	/* module, class, function, or part of one     */
};

/* Generation of the collector: 0 not on its lists, 1 youngest, 2, 3, 4 frozen. */

/*
 * How a holder names what it holds.  The operand is a number (n), a string
 * number (s) or absent (-).
 */
enum ouro_edge_name {
	OURO_EDGE_OTHER   = 0,	/* - : held, the name is not known             */
	OURO_EDGE_INDEX   = 1,	/* n : x[3]                                     */
	OURO_EDGE_KEY     = 2,	/* s : x['name'], a str key, without quotes     */
	OURO_EDGE_KEYREPR = 3,	/* s : x[(1, 2)], any other key as repr shows it */
	OURO_EDGE_DICTKEY = 4,	/* s : the key itself: its repr, a str as it is   */
	OURO_EDGE_ATTR    = 5,	/* s : x.name, in the instance or its dict      */
	OURO_EDGE_SLOT    = 6,	/* s : x.name, a __slots__ member               */
	OURO_EDGE_FIELD   = 7,	/* s : a field of the runtime's own struct, by the name
				 *     it has in the language (__closure__, __self__) or in C */
	OURO_EDGE_CELL    = 8,	/* s : a function's cell for the free variable s; borrowed, for
				 *     __closure__ holds the tuple that holds the cell */
	OURO_EDGE_CONTENT = 9,	/* - : what a cell holds                        */
	OURO_EDGE_LOCAL   = 10,	/* s : local variable of a suspended frame      */
	OURO_EDGE_STACK   = 11,	/* n : slot of a suspended frame's evaluation stack */
	OURO_EDGE_MEMBER  = 12,	/* - : element of a set                         */
	OURO_EDGE_CLASS   = 13,	/* - : the object's type                        */
	OURO_EDGE_DICT    = 14,	/* - : the object's __dict__                    */
	OURO_EDGE_REFERENT = 15,	/* - : what a weak reference points to; never owned */
	OURO_EDGE_OFFSET  = 16,	/* n : found as a word at byte n of the object  */
	OURO_EDGE_CONST   = 17,	/* n : constant of a code object                */
	OURO_EDGE_ARGUMENT = 18,	/* n : bound argument (functools.partial); borrowed, as above */
};

/* Neither flag: the edge is one reference of the target's count. */
enum ouro_edge_flags {
	OURO_EDGE_BORROWED = 1 << 0,	/* points there, holds no reference           */
	OURO_EDGE_MAYBE    = 1 << 1,	/* may be left over: counts only if the count needs it */
};

enum ouro_root {
	OURO_ROOT_LOCAL  = 1,	/* local variable `what` of a running function          */
	OURO_ROOT_STACK  = 2,	/* slot `number` of a running function's evaluation stack */
	OURO_ROOT_FRAME  = 3,	/* a running frame itself: its code, function, ...       */
	OURO_ROOT_THREAD = 4,	/* field `what` of a thread's state                      */
	OURO_ROOT_INTERP = 5,	/* field `what` of the interpreter's state               */
	OURO_ROOT_STATIC = 6,	/* C variable `what`                                     */
	OURO_ROOT_PENDING = 7,	/* reference held by the runtime's own C code at this moment */
};

enum ouro_region {
	OURO_REGION_DATA  = 1,	/* writable data of a loaded file   */
	OURO_REGION_HEAP  = 2,	/* anything else that is writable   */
	OURO_REGION_STACK = 3,	/* a native stack, the part in use  */
	OURO_REGION_MALLOC = 4,	/* of an allocator, the C library's or a runtime's: what
				 * lies in no block is free         */
	OURO_REGION_REGISTER = 5, /* a register of a thread: where is its tid * 128 + 8 n */
};

enum ouro_scan {
	OURO_SCAN_THREADS = 1 << 0,	/* not all threads could be looked at          */
	OURO_SCAN_MEMORY  = 1 << 1,	/* not all memory could be searched            */
};

#define OURO_SNAP_WORDS_MAX 256

#endif
