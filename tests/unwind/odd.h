/*
 * odd.h - frames that only hand-written assembly makes, each with true unwind information
 *
 * Every one calls its argument, a void (*)(void).
 */
#ifndef ODD_H
#define ODD_H

/* CFA in rbx: as the lazy PLT resolver has it. */
void odd_rbx(void (*event)(void));
/* CFA by an expression over r12, return address by one too. */
void odd_expression(void (*event)(void));
/* A frame of a megabyte. */
void odd_large(void (*event)(void));
/* rbp holds rubbish and is saved far away. */
void odd_bp(void (*event)(void));
/* The same, near by: what compilers do. */
void odd_saves(void (*event)(void));
/* The CFA is read from memory that rbp does not point to. */
void odd_deref(void (*event)(void));
/* No unwind information at all. */
void odd_silent(void (*event)(void));
/* Calls on another stack, whose end is given; rbp-based. */
void odd_switch(void (*event)(void), void *stack_end);

__asm__(
	".pushsection .text\n"
	".macro function name\n"
	".globl \\name\n .type \\name, @function\n .p2align 4\n \\name:\n .cfi_startproc\n"
	".endm\n"
	".macro endfunction name\n .cfi_endproc\n .size \\name, . - \\name\n .endm\n"

	"function odd_rbx\n"
	"	pushq %rbx\n .cfi_adjust_cfa_offset 8\n .cfi_rel_offset rbx, 0\n"
	"	movq %rsp, %rbx\n .cfi_def_cfa_register rbx\n"
	"	andq $-64, %rsp\n	subq $128, %rsp\n"
	"	call *%rdi\n"
	"	movq %rbx, %rsp\n .cfi_def_cfa_register rsp\n"
	"	popq %rbx\n .cfi_adjust_cfa_offset -8\n .cfi_restore rbx\n"
	"	ret\n"
	"endfunction odd_rbx\n"

	"function odd_expression\n"
	"	pushq %r12\n .cfi_adjust_cfa_offset 8\n .cfi_rel_offset r12, 0\n"
	"	leaq -80(%rsp), %r12\n	subq $1024, %rsp\n"
	/* def_cfa_expression: breg12 96; r12 at breg12 80; return address at breg12 88 */
	"	.cfi_escape 0x0f, 3, 0x7c, 0xe0, 0\n"
	"	.cfi_escape 0x10, 12, 3, 0x7c, 0xd0, 0\n"
	"	.cfi_escape 0x10, 16, 6, 0x7c, 0, 0x08, 88, 0x22, 0x96\n"
	"	call *%rdi\n"
	"	addq $1024, %rsp\n	popq %r12\n"
	"	.cfi_def_cfa rsp, 8\n .cfi_restore r12\n .cfi_escape 0x05, 16, 1\n"
	"	ret\n"
	"endfunction odd_expression\n"

	"function odd_large\n"
	"	subq $1048584, %rsp\n .cfi_adjust_cfa_offset 1048584\n"
	"	call *%rdi\n"
	"	addq $1048584, %rsp\n .cfi_adjust_cfa_offset -1048584\n"
	"	ret\n"
	"endfunction odd_large\n"

	"function odd_bp\n"
	"	subq $9000, %rsp\n .cfi_adjust_cfa_offset 9000\n"
	"	movq %rbp, 8(%rsp)\n .cfi_rel_offset rbp, 8\n"
	"	movq $0x12345677, %rbp\n"
	"	call *%rdi\n"
	"	movq 8(%rsp), %rbp\n .cfi_restore rbp\n"
	"	addq $9000, %rsp\n .cfi_adjust_cfa_offset -9000\n"
	"	ret\n"
	"endfunction odd_bp\n"

	"function odd_saves\n"
	"	pushq %rbp\n .cfi_adjust_cfa_offset 8\n .cfi_rel_offset rbp, 0\n"
	"	movq $0x12345677, %rbp\n"
	"	call *%rdi\n"
	"	popq %rbp\n .cfi_adjust_cfa_offset -8\n .cfi_restore rbp\n"
	"	ret\n"
	"endfunction odd_saves\n"

	"function odd_deref\n"
	"	pushq %r13\n .cfi_adjust_cfa_offset 8\n .cfi_rel_offset r13, 0\n"
	"	leaq 16(%rsp), %rax\n	subq $512, %rsp\n"
	"	movq %rax, 64(%rsp)\n	movq %rsp, %r13\n"
	/* CFA = *(r13 + 64), r13 at CFA - 16 */
	"	.cfi_escape 0x0f, 4, 0x7d, 0xc0, 0, 0x06\n"
	"	call *%rdi\n"
	"	addq $512, %rsp\n .cfi_def_cfa rsp, 16\n"
	"	popq %r13\n .cfi_adjust_cfa_offset -8\n .cfi_restore r13\n"
	"	ret\n"
	"endfunction odd_deref\n"

	".globl odd_silent\n .type odd_silent, @function\nodd_silent:\n"
	"	subq $24, %rsp\n	call *%rdi\n	addq $24, %rsp\n	ret\n"
	".size odd_silent, . - odd_silent\n"

	"function odd_switch\n"
	"	pushq %rbp\n .cfi_adjust_cfa_offset 8\n .cfi_rel_offset rbp, 0\n"
	"	movq %rsp, %rbp\n .cfi_def_cfa_register rbp\n"
	"	movq %rsi, %rsp\n"
	"	call *%rdi\n"
	"	leave\n .cfi_def_cfa rsp, 8\n .cfi_restore rbp\n"
	"	ret\n"
	"endfunction odd_switch\n"
	".popsection\n");

#endif
