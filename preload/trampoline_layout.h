/*
 * trampoline_layout.h - numbers that trampoline.S and trampoline.h have to agree on
 */
#ifndef TRAMPOLINE_LAYOUT_H
#define TRAMPOLINE_LAYOUT_H

#define TRAMPOLINES	1024	/* functions that can be entered                            */
#define TRAMPOLINE_SIZE	16	/* bytes of an entry                                        */

#define CALL_FOLLOW	48	/* offsets in struct trampoline_call                        */
#define CALL_REGS	56
#define CALL_XMM	128
#define CALL_MARK	384
#define CALL_SIZE	400
#define CALL_STACK	128	/* bytes of arguments on the stack, at most: the red zone   */

#endif
