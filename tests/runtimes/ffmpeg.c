/*
 * A packet is split: both halves refer to its buffer, and the second half is dropped without
 * av_buffer_unref when it is empty, in split's caller; the reference was taken by split.
 *
 * type AVBufferRef, objects 2, function split
 */
#include <libavutil/buffer.h>
#include <libavutil/mem.h>

#define APART __attribute__((noinline))

static AVBufferPool *pool;

APART static AVBufferRef *split(AVBufferRef *whole)
{
	return av_buffer_ref(whole);
}

APART static void packet(int rest)
{
	AVBufferRef *whole = av_buffer_alloc(100), *second = split(whole);

	if (rest)
		av_buffer_unref(&second);
	second = 0;
	av_buffer_unref(&whole);
}

APART static void pooled(void)
{
	AVBufferRef *a = av_buffer_pool_get(pool), *b = 0;

	av_buffer_replace(&b, a);
	av_buffer_unref(&a);
	av_buffer_unref(&b);
}

int main(void)
{
	pool = av_buffer_pool_init(64, 0);
	for (int i = 0; i < 4; i++)
		packet(i % 2);
	for (int i = 0; i < 3; i++)
		pooled();
	av_buffer_pool_uninit(&pool);
	return 0;
}
