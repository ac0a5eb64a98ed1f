#include "cfi.h"
#include "unwind/odd.h"

#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct cfi_work work;

static void setup(void)
{
	cfi_setup();
}

static struct cfi_section section_of(void *pc)
{
	struct cfi_section s;

	ck_assert_int_eq(cfi_section_of((uintptr_t)pc, &s), 0);
	return s;
}

/* --- rules ------------------------------------------------------------------------------ */

/* The kinds of rules in the first 64 bytes of a function. */
static unsigned kinds_in(const void *f)
{
	uintptr_t ip = (uintptr_t)f;
	unsigned kinds = 0;

	for (; ip < (uintptr_t)f + 64; ip++) {
		uint32_t rule;

		work.row.start = 0;
		rule = cfi_rule_at(ip, true, &work);
		if (work.row.start == (uintptr_t)f)
			kinds |= 1u << cfi_rule_kind(rule);
	}
	return kinds;
}

START_TEST(what_fits_no_rule_is_walked_in_full)
{
	ck_assert_uint_eq(kinds_in(odd_rbx), 1u << CFI_RULE_SP | 1u << CFI_RULE_FULL);
	ck_assert_uint_eq(kinds_in(odd_expression), 1u << CFI_RULE_SP | 1u << CFI_RULE_FULL);
	ck_assert_uint_eq(kinds_in(odd_large), 1u << CFI_RULE_SP | 1u << CFI_RULE_FULL);
	ck_assert_uint_eq(kinds_in(odd_bp), 1u << CFI_RULE_SP | 1u << CFI_RULE_FULL);
	ck_assert_uint_eq(kinds_in(odd_deref), 1u << CFI_RULE_SP | 1u << CFI_RULE_FULL);
	ck_assert_uint_eq(kinds_in(odd_switch),
		1u << CFI_RULE_SP | 1u << CFI_RULE_BP);
}
END_TEST

static uint32_t rule(unsigned reg, int64_t n, enum cfi_how bp_how, int64_t bp)
{
	struct cfi_row row = { .cfa_reg = reg, .cfa_value = n };

	row.how[MACHINE_IP] = CFI_AT;
	row.value[MACHINE_IP] = -8;
	row.how[MACHINE_BP] = bp_how;
	row.value[MACHINE_BP] = bp;
	return cfi_rule(&row);
}

START_TEST(a_rule_says_what_its_row_says)
{
	static const int64_t sizes[] = { 8, 16, 1016, 4096, CFI_RULE_CFA_MAX & -8 };
	unsigned i;
	uint32_t r;

	for (i = 0; i < 5; i++) {
		r = rule(MACHINE_SP, sizes[i], CFI_SAME, 0);
		ck_assert_uint_eq(cfi_rule_kind(r), CFI_RULE_SP);
		ck_assert_int_eq(cfi_rule_cfa(r), sizes[i]);
		ck_assert_uint_eq(cfi_rule_bp(r), 0);
	}
	r = rule(MACHINE_BP, -64, CFI_AT, -16);
	ck_assert_uint_eq(cfi_rule_kind(r), CFI_RULE_BP);
	ck_assert_int_eq(cfi_rule_cfa(r), -64);
	ck_assert_uint_eq(cfi_rule_bp(r), 16);
	r = rule(MACHINE_SP, 4096, CFI_AT, -1016);
	ck_assert_uint_eq(cfi_rule_bp(r), 1016);
	/* No rule for these. */
	ck_assert_uint_eq(rule(MACHINE_SP, 4096, CFI_AT, -1024), CFI_RULE_FULL);
	ck_assert_uint_eq(rule(MACHINE_SP, CFI_RULE_CFA_MAX + 1, CFI_SAME, 0), CFI_RULE_FULL);
	ck_assert_uint_eq(rule(MACHINE_SP, 12, CFI_SAME, 0), CFI_RULE_FULL);
	ck_assert_uint_eq(rule(MACHINE_SP, 16, CFI_AT, -152), CFI_RULE_FULL);
	ck_assert_uint_eq(rule(MACHINE_SP, 16, CFI_AT, 8), CFI_RULE_FULL);
	ck_assert_uint_eq(rule(MACHINE_RBX, 16, CFI_SAME, 0), CFI_RULE_FULL);
	ck_assert_uint_eq(rule(MACHINE_BP, 16, CFI_UNDEFINED, 0), CFI_RULE_FULL);
}
END_TEST

START_TEST(code_of_no_module_has_no_rule)
{
	ck_assert_uint_eq(cfi_rule_at(4096, false, &work), CFI_RULE_NO_MODULE);
	ck_assert_uint_eq(cfi_rule_at((uintptr_t)&work, false, &work), CFI_RULE_NO_ENTRY);
	ck_assert_uint_eq(cfi_rule_at((uintptr_t)odd_silent + 4, false, &work),
		CFI_RULE_NO_ENTRY);
}
END_TEST

/* --- against binutils ------------------------------------------------------------------- */

/* One cell of readelf's table: "rsp+8", "c-16", "u", "exp", "vexp", "s". */
static bool cell_number(const char *cell, const char *prefix, int64_t *ret_n)
{
	size_t n = strlen(prefix);

	if (strncmp(cell, prefix, n) || (cell[n] != '+' && cell[n] != '-'))
		return false;
	*ret_n = strtol(cell + n, NULL, 10);
	return true;
}

struct row_text {
	char *loc, *cfa, *bp, *ra;
};

/* -1: the text does not say which rule this is; else whether it is the same. */
static int agrees(const struct row_text *t, uint32_t r)
{
	enum cfi_kind kind = cfi_rule_kind(r);
	int64_t cfa, ra, bp = 0;

	if (!strcmp(t->ra, "u"))
		return kind == CFI_RULE_END;
	if (!cell_number(t->ra, "c", &ra) || ra != -8)
		return -1;
	if (t->bp && strcmp(t->bp, "u") && strcmp(t->bp, "s") && !cell_number(t->bp, "c", &bp))
		return -1;
	if (kind == CFI_RULE_FULL)
		return -1;
	if (cell_number(t->cfa, "rsp", &cfa))
		return kind == CFI_RULE_SP && cfi_rule_cfa(r) == cfa
			&& (int64_t)cfi_rule_bp(r) == -bp;
	if (cell_number(t->cfa, "rbp", &cfa))
		return kind == CFI_RULE_BP && cfi_rule_cfa(r) == cfa
			&& (int64_t)cfi_rule_bp(r) == -bp;
	return -1;
}

struct counts {
	long rows, full, wrong;
};

static void compare_file(const char *file, uintptr_t base, struct counts *c)
{
	char line[1000], *cell[24], *save;
	int n, i, at_bp = -1, at_ra = -1;
	FILE *f;

	snprintf(line, sizeof(line), "readelf -W --debug-dump=frames-interp %s 2>/dev/null", file);
	f = popen(line, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		struct row_text t = { 0 };
		uint32_t r;
		int ok;

		/* "r10 (r10)" is one cell. */
		for (n = 0, save = line; n < 24 && (cell[n] = strtok(save, " \n")); save = NULL)
			n += cell[n][0] != '(';
		if (n >= 3 && !strcmp(cell[0], "LOC")) {
			for (at_bp = -1, i = 2; i < n; i++) {
				if (!strcmp(cell[i], "rbp"))
					at_bp = i;
				if (!strcmp(cell[i], "ra"))
					at_ra = i;
			}
			continue;
		}
		if (n <= at_ra || n < 3 || strlen(cell[0]) != 16)
			continue;
		if (strspn(cell[0], "0123456789abcdef") != 16 || strstr(line, "CIE"))
			continue;
		if (!strncmp(cell[2], "0000", 4) || !strcmp(cell[2], "ZERO"))
			continue;	/* the head of an entry, not a row */
		t = (struct row_text){ cell[0], cell[1], at_bp < 0 ? NULL : cell[at_bp],
			cell[at_ra] };
		if (!strtoul(t.loc, NULL, 16))
			continue;	/* the first row of a CIE */
		r = cfi_rule_at(base + strtoul(t.loc, NULL, 16), true, &work);
		ok = agrees(&t, r);
		c->rows++;
		c->full += ok < 0;
		if (ok == 0 && !c->wrong++)
			fprintf(stderr, "%s: loc %s cfa %s bp %s ra %s: rule %x\n", file, t.loc,
				t.cfa, t.bp, t.ra, r);
	}
	pclose(f);
}

static int compare_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	char self[4096] = { 0 };

	ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
	/* One that is mapped from the file it names; the vdso is not. */
	if (info->dlpi_name[0] == '/')
		compare_file(info->dlpi_name, info->dlpi_addr, arg);
	else if (!info->dlpi_name[0])
		compare_file(self, info->dlpi_addr, arg);
	return 0;
}

START_TEST(all_rows_of_all_modules_are_those_readelf_prints)
{
	struct counts c = { 0 };

	if (system("readelf --version >/dev/null 2>&1"))
		return;
	dl_iterate_phdr(compare_module, &c);
	ck_assert_int_gt(c.rows, 30000);
	ck_assert_int_eq(c.wrong, 0);
	ck_assert_int_lt(c.full, c.rows / 100);
}
END_TEST

/* --- damage ----------------------------------------------------------------------------- */

/* The segment with our unwind information, again, right before a page that can't be read. */
static struct cfi_section copy_of(const struct cfi_section *s)
{
	size_t size = s->hi - s->lo, pages = (size + 4095) & -4096ul;
	uint8_t *p = mmap(NULL, pages + 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *lo = p + pages - size;

	ck_assert_ptr_ne(p, MAP_FAILED);
	ck_assert_int_eq(mprotect(p + pages, 4096, PROT_NONE), 0);
	memcpy(lo, s->lo, size);
	return (struct cfi_section){ lo + (s->hdr - s->lo), lo, lo + size, false };
}

START_TEST(without_a_search_table_entries_are_found_one_by_one)
{
	struct cfi_section s = section_of(odd_rbx), t = copy_of(&s);
	uintptr_t pc = (uintptr_t)odd_rbx, shift = t.lo - s.lo;
	struct cfi_row row;
	int i, err, found = 0;

	((uint8_t *)t.hdr)[3] = 0xff;
	for (i = -2000; i < 2000; i++) {
		err = cfi_read(&s, pc + i, &work);
		row = work.row;
		ck_assert_int_eq(cfi_read(&t, pc + i + shift, &work), err);
		if (err)
			continue;
		found++;
		ck_assert_uint_eq(cfi_rule(&row) & 63, cfi_rule(&work.row) & 63);
		ck_assert_int_eq(memcmp(row.how, work.row.how, sizeof(row.how)), 0);
	}
	ck_assert_int_gt(found, 1000);
}
END_TEST

static uint64_t seed = 88172645463325252ull;

static uint64_t any(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

START_TEST(damaged_information_is_an_error_at_worst)
{
	struct cfi_section s = section_of(odd_rbx), t = copy_of(&s);
	uint8_t *bytes = (uint8_t *)t.lo;
	uintptr_t shift = t.lo - s.lo, pc;
	size_t from = t.hdr - t.lo, size = t.hi - t.hdr;
	long errors = 0, i, j;

	for (i = 0; i < 200000; i++) {
		size_t at[3];
		uint8_t was[3];

		for (j = 0; j < 3; j++) {
			/* The header is small, so it gets its share. */
			at[j] = from + (j ? any(size) : any(64));
			was[j] = bytes[at[j]];
			bytes[at[j]] = any(4) ? any(256) : 0xff;
		}
		pc = (uintptr_t)odd_rbx + any(4000) - 2000 + shift;
		if (cfi_read(&t, pc, &work))
			errors++;
		else
			cfi_rule(&work.row);
		for (j = 2; j >= 0; j--)
			bytes[at[j]] = was[j];
	}
	ck_assert_int_gt(errors, 10000);
	ck_assert_int_lt(errors, 190000);
}
END_TEST

START_TEST(a_segment_may_end_anywhere)
{
	struct cfi_section s = section_of(odd_rbx), t = copy_of(&s);
	size_t size = t.hi - t.hdr, n;
	int err, errors = 0;

	for (n = 0; n < size; n++) {
		struct cfi_section u = { t.hi - n, t.hi - n, t.hi, false };

		/* The same bytes, moved up against the end. */
		memmove((uint8_t *)u.lo, s.hdr, n);
		err = cfi_read(&u, (uintptr_t)odd_rbx + (u.hdr - s.hdr), &work);
		errors += err != 0;
	}
	ck_assert_int_gt(errors, 100);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cfi");
	TCase *c = tcase_create("cfi");
	SRunner *r;
	int failed;

	tcase_set_timeout(c, 0);
	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, what_fits_no_rule_is_walked_in_full);
	tcase_add_test(c, a_rule_says_what_its_row_says);
	tcase_add_test(c, code_of_no_module_has_no_rule);
	tcase_add_test(c, all_rows_of_all_modules_are_those_readelf_prints);
	tcase_add_test(c, without_a_search_table_entries_are_found_one_by_one);
	tcase_add_test(c, damaged_information_is_an_error_at_worst);
	tcase_add_test(c, a_segment_may_end_anywhere);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
