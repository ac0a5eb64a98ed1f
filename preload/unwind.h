/* Stand-in until the unwinder lands; see its branch. */
#ifndef UNWIND_H
#define UNWIND_H
#include <stdbool.h>
#include <stdint.h>
struct unwind_frame {
	uintptr_t ip, sp, bp;
	uint32_t rule, loc;
};
enum unwind_cut { UNWIND_WHOLE, UNWIND_TOO_DEEP, UNWIND_LOST };
struct unwind {
	struct unwind_frame *frames;
	uint32_t n, kept;
	enum unwind_cut cut;
};
#define UNWIND_DEPTH 4096
#define UNWIND_SIZE sizeof(struct unwind)
static inline bool unwind_setup(uint32_t (*loc_of)(uintptr_t ip)) { return true; }
static inline void unwind_take(struct unwind *u, uintptr_t ip, uintptr_t sp, uintptr_t bp) {}
static inline void unwind_forget(struct unwind *u) {}
static inline void unwind_modules_changed(void) {}
#endif
