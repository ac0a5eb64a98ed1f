/* Stand-in until the unwinder lands; see its branch. */
#ifndef UNWIND_H
#define UNWIND_H
#include <stdint.h>
struct unwind;
#endif
