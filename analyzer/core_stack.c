#include "core_stack.h"

#include "mem.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DWARF_RSP 7

static void name_frame(Dwfl *dwfl, struct core_frame *f, bool activation)
{
	/* where it returns to is behind the call */
	Dwarf_Addr at = activation ? f->pc : f->pc - 1;
	Dwfl_Module *module = dwfl_addrmodule(dwfl, at);
	const char *name = module ? dwfl_module_addrname(module, at) : NULL, *file;
	Dwfl_Line *line = module ? dwfl_module_getsrc(module, at) : NULL;
	int number = 0;

	f->function = name ? strdup(name) : NULL;
	file = line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;
	f->file = file ? strdup(file) : NULL;
	f->line = (uint32_t)number;
}

static int take_frame(Dwfl_Frame *state, void *arg)
{
	struct core_stack *s = arg;
	struct core_frame *f = &s->frame[s->n];
	bool activation;
	Dwarf_Word sp;
	Dwarf_Addr pc;

	if (s->n == CORE_DEPTH || !dwfl_frame_pc(state, &pc, &activation))
		return DWARF_CB_ABORT;
	s->n++;
	*f = (struct core_frame){ .pc = pc };
	if (!dwfl_frame_reg(state, DWARF_RSP, &sp))
		f->sp = sp;
	name_frame(dwfl_thread_dwfl(dwfl_frame_thread(state)), f, activation);
	return DWARF_CB_OK;
}

int core_stacks(const struct core *c, const char *program, struct core_stack **ret)
{
	static char *no_path;
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.debuginfo_path = &no_path,
	};
	struct core_stack *s = mem_array(c->nthreads, sizeof(*s));
	Dwfl *dwfl = dwfl_begin(&callbacks);
	bool ready;

	if (!s || !dwfl) {
		mem_free(s);
		if (dwfl)
			dwfl_end(dwfl);
		return -ENOMEM;
	}
	ready = dwfl_core_file_report(dwfl, c->elf, program) > 0;
	dwfl_report_end(dwfl, NULL, NULL);
	ready = ready && dwfl_core_file_attach(dwfl, c->elf) >= 0;
	for (uint32_t i = 0; i < c->nthreads; i++) {
		s[i].tid = c->thread[i].tid;
		if (ready)
			dwfl_getthread_frames(dwfl, (pid_t)s[i].tid, take_frame, &s[i]);
	}
	dwfl_end(dwfl);
	*ret = s;
	return 0;
}

void core_stacks_free(struct core_stack *s, uint32_t n)
{
	for (uint32_t i = 0; s && i < n; i++)
		for (uint32_t k = 0; k < s[i].n; k++) {
			free(s[i].frame[k].function);
			free(s[i].frame[k].file);
		}
	mem_free(s);
}
