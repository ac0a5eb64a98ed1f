/*
 * cfi.h - call frame information: how to get from a frame to its caller
 *
 * Reads the .eh_frame of loaded modules, as the compiler wrote it for C++ exceptions: no
 * debug information, no lock, no allocation.  One address gives one row: where the caller's
 * frame begins (the CFA) and where its registers were saved.  Nearly every row of real code
 * fits one 32-bit word, a rule, which is what the hot path lives on; the others are read
 * in full by fullwalk.c.
 *
 * A damaged or hostile .eh_frame gives an error, never a read outside its segment.
 */
#ifndef CFI_H
#define CFI_H

#include <stdbool.h>
#include <stdint.h>

#include "dwarf.h"
#include "x86_64/unwind_machine.h"

/* How a row gets a register of the caller; the value says by how much or by which expression. */
enum cfi_how {
	CFI_SAME,		/* as it is now                                     */
	CFI_UNDEFINED,		/* lost; for the return address: no caller          */
	CFI_AT,			/* in memory at CFA + value                         */
	CFI_IS,			/* it is CFA + value                                */
	CFI_REGISTER,		/* in register number value                         */
	CFI_AT_EXPRESSION,	/* in memory at the result of the expression        */
	CFI_IS_EXPRESSION,	/* it is the result of the expression               */
};

/* A row.  An expression is the address of its DWARF block, length first, in the module. */
struct cfi_row {
	int64_t value[MACHINE_NREGS];
	uint8_t how[MACHINE_NREGS];
	uint8_t cfa_reg;	/* CFA = this register + cfa_value                  */
	bool cfa_expression;	/* CFA = result of the expression at cfa_value      */
	bool signal;		/* the kernel made this frame: its ip is no return  */
	int64_t cfa_value;
	const uint8_t *end;	/* expressions end before this                      */
	uintptr_t start;	/* first instruction of the function                */
};

/* A CIE: what the entries of a compilation unit share.  Its program makes the first row. */
struct cfi_cie {
	struct dwarf_bytes program;
	uint64_t code_align;
	int64_t data_align;
	uint8_t fde_enc;
	bool has_size;			/* 'z': FDEs tell the size of their augmentation    */
	bool signal;
};

/* An FDE: the instructions [start, start + size) and the program that describes them. */
struct cfi_fde {
	struct cfi_cie cie;
	struct dwarf_bytes program;
	uintptr_t start, size;
};

/* Room to work in, kept off the program's small stacks. */
#define CFI_NESTED 6		/* remember_state in remember_state; compilers use 1 */
struct cfi_work {
	struct cfi_row row, initial, saved[CFI_NESTED];
	struct cfi_fde fde;
};

/* The part of a module that unwind information may be read from. */
struct cfi_section {
	const uint8_t *hdr;	/* .eh_frame_hdr                                    */
	const uint8_t *lo, *hi;	/* the loaded segment around it                     */
	bool loader;		/* the module is the dynamic loader                 */
};

/* Once, early: who the dynamic loader is. */
void cfi_setup(void);

/* -ENOENT: no module there; -ENODATA: a module without unwind tables. */
int cfi_section_of(uintptr_t pc, struct cfi_section *ret_section);

/* Leaves the row of the instruction at pc in w->row.  -ENODATA: none; -EINVAL: damaged. */
int cfi_read(const struct cfi_section *s, uintptr_t pc, struct cfi_work *w);

/*
 * A rule: kind in bits 0-3, bits 4 and 5 are the walker's, where rbp is in bits 6-12 (in
 * words of 8 bytes), offset of the CFA in bits 13-31 (in bytes, signed: one shift gets it).
 */
enum cfi_kind {
	CFI_RULE_NONE,		/* never a rule                                     */
	CFI_RULE_SP,		/* CFA = sp + n                                     */
	CFI_RULE_BP,		/* CFA = bp + n                                     */
	CFI_RULE_BP_DEREF,	/* CFA = *(bp + n), bp at *bp: realigned stacks     */
	CFI_RULE_SIGNAL,	/* everything is in the kernel's signal frame       */
	CFI_RULE_END,		/* the outermost frame                              */
	CFI_RULE_FULL,		/* has a row that does not fit a rule               */
	CFI_RULE_NO_MODULE,	/* code that no module owns: made at run time       */
	CFI_RULE_NO_ENTRY,	/* code of a module that says nothing about it      */
	CFI_RULE_DAMAGED,	/* unwind information that makes no sense           */
};

#define CFI_RULE_LIVE	(1u << 4)
#define CFI_RULE_EXACT	(1u << 5)
#define CFI_RULE_BP_MAX	0x7f
#define CFI_RULE_CFA_MAX ((1 << 18) - 1)

static inline enum cfi_kind cfi_rule_kind(uint32_t rule)
{
	return rule & 15;
}

/* SP, BP: the caller's rbp is at CFA less this; 0: rbp is unchanged. */
static inline uintptr_t cfi_rule_bp(uint32_t rule)
{
	return (rule >> 6 & CFI_RULE_BP_MAX) * 8;
}

static inline intptr_t cfi_rule_cfa(uint32_t rule)
{
	return (int32_t)rule >> 13;
}

uint32_t cfi_rule(const struct cfi_row *row);

/*
 * All of it.  exact: ip is that of an instruction; else it is a return address, whose
 * rule is that of the instruction before: the call may have been the function's last.
 */
uint32_t cfi_rule_at(uintptr_t ip, bool exact, struct cfi_work *w);

#endif
