/*
 * trampoline.S - one entry for every function that a description file names (trampoline.h)
 *
 * A detour jumps to its own small entry here, which says its number and goes on in the
 * common part.  That keeps all registers of the call, also those that belong to the callee
 * by the ABI: a compiler that sees both sides of a call counts on what it knows of the
 * callee.  (Of vector registers the low 16 bytes are kept.)
 *
 *                      the program's frames
 *      rbp + 24        arguments on the stack
 *      rbp + 16        return address         <- rsp when the function was called
 *      rbp +  8        the entry's number; then the original's address
 *      rbp             the caller's rbp
 *      rbp -  8        the original's address
 *      ...             alignment
 *      rsp             struct trampoline_call
 *
 * Where the result is not asked for, nothing of this is left when the original runs: it
 * is jumped to.  Else it is called from here, with as much of the stack's arguments as
 * trampoline_enter says.  Every instruction has its row in the unwind table, so exceptions
 * pass through; nothing is kept outside of the stack, so longjmp does no harm.
 */
#include "../trampoline_layout.h"

#include <cet.h>

	.macro save
	mov	%rax, CALL_REGS + 0(%rsp)
	mov	%rcx, CALL_REGS + 8(%rsp)
	mov	%rdx, CALL_REGS + 16(%rsp)
	mov	%rsi, CALL_REGS + 24(%rsp)
	mov	%rdi, CALL_REGS + 32(%rsp)
	mov	%r8, CALL_REGS + 40(%rsp)
	mov	%r9, CALL_REGS + 48(%rsp)
	mov	%r10, CALL_REGS + 56(%rsp)
	mov	%r11, CALL_REGS + 64(%rsp)
	.irp	i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	movaps	%xmm\i, CALL_XMM + 16 * \i(%rsp)
	.endr
	.endm

	.macro restore
	.irp	i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	movaps	CALL_XMM + 16 * \i(%rsp), %xmm\i
	.endr
	mov	CALL_REGS + 0(%rsp), %rax
	mov	CALL_REGS + 8(%rsp), %rcx
	mov	CALL_REGS + 16(%rsp), %rdx
	mov	CALL_REGS + 24(%rsp), %rsi
	mov	CALL_REGS + 32(%rsp), %rdi
	mov	CALL_REGS + 40(%rsp), %r8
	mov	CALL_REGS + 48(%rsp), %r9
	mov	CALL_REGS + 56(%rsp), %r10
	mov	CALL_REGS + 64(%rsp), %r11
	.endm

	.text
	.balign	16
	.globl	trampoline_entries
	.hidden	trampoline_entries
	.type	trampoline_entries, @function
trampoline_entries:
	.cfi_startproc
	.set	number, 0
	.rept	TRAMPOLINES
	.balign	TRAMPOLINE_SIZE
	.cfi_def_cfa_offset 8
	endbr64
	push	$number
	.cfi_def_cfa_offset 16
	jmp	common
	.set	number, number + 1
	.endr
	.cfi_endproc
	.size	trampoline_entries, . - trampoline_entries

	.balign	16
	.type	common, @function
common:
	.cfi_startproc
	.cfi_def_cfa_offset 16
	push	%rbp
	.cfi_def_cfa_offset 24
	.cfi_offset %rbp, -24
	mov	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	sub	$(CALL_SIZE + 16), %rsp
	and	$-16, %rsp
	save
	mov	%rdi, 0(%rsp)
	mov	%rsi, 8(%rsp)
	mov	%rdx, 16(%rsp)
	mov	%rcx, 24(%rsp)
	mov	%r8, 32(%rsp)
	mov	%r9, 40(%rsp)
	mov	%rsp, %rdi
	mov	8(%rbp), %rsi
	mov	%rbp, %rdx
	call	trampoline_enter
	cmpq	$0, CALL_FOLLOW(%rsp)
	jne	follow

	mov	%rax, 8(%rbp)
	restore
	mov	%rbp, %rsp
	pop	%rbp
	.cfi_remember_state
	.cfi_def_cfa %rsp, 16
	.cfi_restore %rbp
	lea	8(%rsp), %rsp
	.cfi_def_cfa_offset 8
	jmp	*-8(%rsp)

follow:
	.cfi_restore_state
	mov	%rax, -8(%rbp)
	/* What is below rsp is safe from signal handlers for as long as the copy is. */
	mov	CALL_FOLLOW(%rsp), %rcx
	lea	24(%rbp), %rsi
	lea	-CALL_STACK(%rsp), %rdi
	dec	%rcx
	rep	movsq
	restore
	sub	$CALL_STACK, %rsp
	call	*-8(%rbp)
	add	$CALL_STACK, %rsp
	save
	mov	%rsp, %rdi
	mov	8(%rbp), %rsi
	mov	%rbp, %rdx
	call	trampoline_leave
	restore
	mov	%rbp, %rsp
	pop	%rbp
	.cfi_def_cfa %rsp, 16
	.cfi_restore %rbp
	lea	8(%rsp), %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size	common, . - common

	.section .note.GNU-stack, "", @progbits
