#include "packnames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct module_row { uint32_t module, state; };
struct location_row { uint32_t location, first, frames; };
struct frame_row { uint32_t function, file, line, inlined; };
struct datum_row { uint32_t module, name; uint64_t address, size; };

struct packnames {
	uint8_t *bytes;
	struct packnames_head n;
	const uint8_t *modules, *locations, *frames, *data;
	const char *texts;
};

/* --- reading ------------------------------------------------------------------------ */

int packnames_read(struct packnames **ret, uint8_t *bytes, size_t size)
{
	struct packnames *p = calloc(1, sizeof(*p));
	struct packnames_head *n = &p->n;
	uint64_t want;

	if (!p) {
		free(bytes);
		return -ENOMEM;
	}
	p->bytes = bytes;
	if (size < sizeof(*n))
		goto damaged;
	memcpy(n, bytes, sizeof(*n));
	want = sizeof(*n) + n->modules * sizeof(struct module_row) +
		n->locations * sizeof(struct location_row) +
		n->frames * sizeof(struct frame_row) + n->data * sizeof(struct datum_row) +
		n->texts;
	if (n->format != PACKNAMES_FORMAT || want != size || !n->texts || bytes[size - 1])
		goto damaged;
	p->modules = bytes + sizeof(*n);
	p->locations = p->modules + n->modules * sizeof(struct module_row);
	p->frames = p->locations + n->locations * sizeof(struct location_row);
	p->data = p->frames + n->frames * sizeof(struct frame_row);
	p->texts = (const char *)p->data + n->data * sizeof(struct datum_row);
	*ret = p;
	return 0;
damaged:
	packnames_free(p);
	return -ENODATA;
}

void packnames_free(struct packnames *p)
{
	if (p)
		free(p->bytes);
	free(p);
}

static const char *text(const struct packnames *p, uint32_t at)
{
	return at && at < p->n.texts && p->texts[at] ? p->texts + at : NULL;
}

uint32_t packnames_frames(const struct packnames *p, uint32_t location,
	struct native_frame ret[NATIVE_FRAMES])
{
	uint32_t low = 0, high = p->n.locations, i;
	struct location_row row;
	struct frame_row f;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		memcpy(&row, p->locations + mid * sizeof(row), sizeof(row));
		if (row.location == location)
			break;
		if (row.location < location)
			low = mid + 1;
		else
			high = mid;
	}
	if (low >= high || row.first > p->n.frames || row.frames > p->n.frames - row.first)
		return 0;
	for (i = 0; i < row.frames && i < NATIVE_FRAMES; i++) {
		memcpy(&f, p->frames + (row.first + i) * sizeof(f), sizeof(f));
		ret[i] = (struct native_frame){ .function = text(p, f.function),
			.file = text(p, f.file), .line = f.line, .inlined = f.inlined & 1 };
	}
	return i;
}

static bool is_before(const struct datum_row *d, uint32_t module, uint64_t address)
{
	return d->module != module ? d->module < module : d->address <= address;
}

/* The last that starts at the address or before. */
const char *packnames_datum(const struct packnames *p, uint32_t module, uint64_t address,
	uint64_t *ret_offset)
{
	uint32_t low = 0, high = p->n.data;
	struct datum_row d;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		memcpy(&d, p->data + mid * sizeof(d), sizeof(d));
		if (is_before(&d, module, address))
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return NULL;
	memcpy(&d, p->data + (low - 1) * sizeof(d), sizeof(d));
	if (d.module != module || address < d.address || address - d.address >= d.size + !d.size)
		return NULL;
	*ret_offset = address - d.address;
	return text(p, d.name);
}

bool packnames_module(const struct packnames *p, uint32_t module, enum native_state *ret)
{
	struct module_row row;

	for (uint32_t i = 0; i < p->n.modules; i++) {
		memcpy(&row, p->modules + i * sizeof(row), sizeof(row));
		if (row.module != module || row.state > NATIVE_NAMELESS)
			continue;
		*ret = (enum native_state)row.state;
		return true;
	}
	return false;
}

/* --- writing ------------------------------------------------------------------------- */

void packnames_add_module(struct packnames_draft *d, uint32_t module, enum native_state s)
{
	struct module_row row = { module, s };

	buf_add(&d->modules, (const char *)&row, sizeof(row));
	d->n.modules++;
	d->module = module;
}

/* Until the end a text is its number in `texts`. */
void packnames_add_location(struct packnames_draft *d, uint32_t location,
	const struct native_frame *frame, uint32_t frames)
{
	struct location_row row = { location, d->n.frames, frames };

	buf_add(&d->locations, (const char *)&row, sizeof(row));
	d->n.locations++;
	for (uint32_t i = 0; i < frames; i++) {
		struct frame_row f = { texts_add0(&d->texts, frame[i].function),
			texts_add0(&d->texts, frame[i].file), frame[i].line, frame[i].inlined };

		buf_add(&d->frames, (const char *)&f, sizeof(f));
	}
	d->n.frames += frames;
}

void packnames_add_datum(struct packnames_draft *d, const char *name, uint64_t address,
	uint64_t size)
{
	struct datum_row row = { d->module, texts_add0(&d->texts, name), address, size };

	buf_add(&d->data, (const char *)&row, sizeof(row));
	d->n.data++;
}

static int by_address(const void *a, const void *b)
{
	const struct datum_row *p = a, *q = b;

	if (p->module != q->module)
		return p->module < q->module ? -1 : 1;
	if (p->address != q->address)
		return p->address < q->address ? -1 : 1;
	return p->size < q->size ? -1 : p->size > q->size;
}

/* at[i]: where text i begins. */
static uint32_t *place_texts(struct packnames_draft *d, struct buf *ret)
{
	uint32_t *at = calloc(d->texts.n + 1, sizeof(*at));

	buf_putc(ret, 0);
	for (uint32_t i = 1; at && i <= d->texts.n; i++) {
		const char *s = texts_get(&d->texts, i);

		at[i] = (uint32_t)ret->n;
		buf_add(ret, s, strlen(s) + 1);
	}
	return at;
}

static void append(struct buf *ret, const struct buf *b)
{
	if (b->n)
		buf_add(ret, b->s, b->n);
}

int packnames_write(struct packnames_draft *d, struct buf *ret)
{
	struct frame_row *frame = (void *)d->frames.s;
	struct datum_row *datum = (void *)d->data.s;
	struct buf texts = { 0 };
	uint32_t *at = place_texts(d, &texts);
	bool failed = !at || d->modules.failed || d->locations.failed || d->frames.failed ||
		d->data.failed || texts.failed;

	for (uint32_t i = 0; !failed && i < d->n.frames; i++) {
		frame[i].function = at[frame[i].function];
		frame[i].file = at[frame[i].file];
	}
	for (uint32_t i = 0; !failed && i < d->n.data; i++)
		datum[i].name = at[datum[i].name];
	if (!failed && d->n.data)
		qsort(datum, d->n.data, sizeof(*datum), by_address);
	d->n.format = PACKNAMES_FORMAT;
	d->n.texts = (uint32_t)texts.n;
	if (!failed) {
		buf_add(ret, (const char *)&d->n, sizeof(d->n));
		append(ret, &d->modules);
		append(ret, &d->locations);
		append(ret, &d->frames);
		append(ret, &d->data);
		append(ret, &texts);
	}
	free(at);
	buf_fini(&texts);
	buf_fini(&d->modules);
	buf_fini(&d->locations);
	buf_fini(&d->frames);
	buf_fini(&d->data);
	texts_fini(&d->texts);
	*d = (struct packnames_draft){ 0 };
	return failed || ret->failed ? -ENOMEM : 0;
}
