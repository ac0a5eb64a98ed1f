#include "stack.h"

#include "defs.h"

bool stack_setup(void)
{
	return unwind_setup(define_native);
}

void stack_modules_changed(void)
{
	unwind_modules_changed();
}
