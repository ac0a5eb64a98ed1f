#include "cfi.h"
#include "dwarf.h"

#include <errno.h>

/* The expression "register plus n", perhaps read from there; the forms that fit a rule. */
static bool is_breg(const struct cfi_row *row, int64_t value, unsigned reg, bool deref,
	int64_t *ret_n)
{
	struct dwarf_bytes b = { (const uint8_t *)(uintptr_t)value, row->end, false };
	uint64_t size = dwarf_uleb(&b);
	int64_t n;

	if (b.bad || size > (uint64_t)(b.end - b.at))
		return false;
	b.end = b.at + size;
	if (dwarf_get(&b, 1) != 0x70 + reg)			/* DW_OP_breg0 + reg */
		return false;
	n = dwarf_sleb(&b);
	if (deref && dwarf_get(&b, 1) != 0x06)		/* DW_OP_deref */
		return false;
	if (b.bad || b.at != b.end)
		return false;
	*ret_n = n;
	return true;
}

static bool is_kernel_frame(const struct cfi_row *row)
{
	int64_t n;

	return row->signal && row->cfa_expression
		&& is_breg(row, row->cfa_value, MACHINE_SP, true, &n) && n == MACHINE_SIG_SP
		&& row->how[MACHINE_IP] == CFI_AT_EXPRESSION
		&& is_breg(row, row->value[MACHINE_IP], MACHINE_SP, false, &n)
		&& n == MACHINE_SIG_IP
		&& row->how[MACHINE_BP] == CFI_AT_EXPRESSION
		&& is_breg(row, row->value[MACHINE_BP], MACHINE_SP, false, &n)
		&& n == MACHINE_SIG_BP;
}

static uint32_t pack(enum cfi_kind kind, int64_t cfa, int64_t bp)
{
	if (cfa % 8 || cfa > CFI_RULE_CFA_MAX || cfa < -CFI_RULE_CFA_MAX)
		return CFI_RULE_FULL;
	if (bp % 8 || bp < 0 || bp / 8 > CFI_RULE_BP_MAX)
		return CFI_RULE_FULL;
	return kind | (uint32_t)(bp / 8) << 6 | (uint32_t)cfa << 13;
}

/* CFA = *(bp + n), and bp at *bp. */
static uint32_t realigned(const struct cfi_row *row)
{
	int64_t n, zero;

	if (!is_breg(row, row->cfa_value, MACHINE_BP, true, &n)
			|| row->how[MACHINE_BP] != CFI_AT_EXPRESSION
			|| !is_breg(row, row->value[MACHINE_BP], MACHINE_BP, false, &zero) || zero)
		return CFI_RULE_FULL;
	return pack(CFI_RULE_BP_DEREF, n, 0);
}

uint32_t cfi_rule(const struct cfi_row *row)
{
	int64_t bp = 0;

	if (row->how[MACHINE_IP] == CFI_UNDEFINED)
		return CFI_RULE_END;
	if (is_kernel_frame(row))
		return CFI_RULE_SIGNAL;
	if (row->signal || row->how[MACHINE_IP] != CFI_AT || row->value[MACHINE_IP] != -8
			|| row->how[MACHINE_SP] != CFI_SAME)
		return CFI_RULE_FULL;
	if (row->cfa_expression)
		return realigned(row);
	if (row->how[MACHINE_BP] == CFI_AT)
		bp = -row->value[MACHINE_BP];
	else if (row->how[MACHINE_BP] != CFI_SAME)
		return CFI_RULE_FULL;
	if (row->how[MACHINE_BP] == CFI_AT && bp < 16)
		return CFI_RULE_FULL;
	if (row->cfa_reg == MACHINE_BP)
		return pack(CFI_RULE_BP, row->cfa_value, bp);
	/* In epilogues the slot lies below sp already; further than the red zone it is lost. */
	if (row->cfa_reg != MACHINE_SP || row->cfa_value < 8
			|| bp > row->cfa_value + MACHINE_RED_ZONE)
		return CFI_RULE_FULL;
	return pack(CFI_RULE_SP, row->cfa_value, bp);
}

/*
 * No function has the instruction before ip.  The loader's entry, which calls constructors,
 * says nothing of itself; and a return address that is the start of a function was left by
 * no call: that stack was built by hand, like makecontext's, and ip is its outermost frame.
 */
static uint32_t without_entry(const struct cfi_section *s, uintptr_t ip, struct cfi_work *w)
{
	if (s->loader)
		return CFI_RULE_END;
	if (s->hdr && !cfi_read(s, ip, w) && w->row.start == ip)
		return CFI_RULE_END;
	return CFI_RULE_NO_ENTRY;
}

uint32_t cfi_rule_at(uintptr_t ip, bool exact, struct cfi_work *w)
{
	struct cfi_section s;
	int err = cfi_section_of(ip - !exact, &s);

	if (err == -ENOENT)
		return CFI_RULE_NO_MODULE;
	if (!err)
		err = cfi_read(&s, ip - !exact, w);
	if (err == -ENODATA)
		return without_entry(&s, ip, w);
	return err ? CFI_RULE_DAMAGED : cfi_rule(&w->row);
}
