/* Host memory: allocations that cannot fail quietly, byte ranges, a growable buffer and a request arena.
 *
 * Sizes that come from outside are bounded before they reach here, so running out of memory means the machine
 * is out of memory: the process says so and aborts, and its supervisor starts it again.
 */
#ifndef CXRD_ENGINE_BASE_MEMORY_H
#define CXRD_ENGINE_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed range of bytes. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

/* count * size zeroed bytes; aborts on overflow or when there is no memory. Free with free(). */
void *memory_allocate(size_t count, size_t size);
/* As realloc; new bytes are not zeroed. */
void *memory_resize(void *old, size_t count, size_t size);
char *memory_copy_text(const char *text);

/* *out = a * b; false when it does not fit. */
bool checked_multiply(size_t a, size_t b, size_t *out);
bool checked_add(size_t a, size_t b, size_t *out);
/* The least multiple of `step` that is >= value. */
size_t round_up(size_t value, size_t step);

/* A byte buffer that grows up to `maximum`, its stated bound. Zero-initialise but for `maximum`. */
struct buffer {
    uint8_t *data;
    size_t size, capacity, maximum;
};
/* Appends; false (and nothing appended) when it would pass `maximum`. */
bool buffer_append(struct buffer *buffer, const void *data, size_t size);
void buffer_finish(struct buffer *buffer);

/* Memory of one request, freed in one stroke. Allocations are zeroed and aligned for any type. */
struct arena;
struct arena *arena_create(void);
void *arena_allocate(struct arena *arena, size_t count, size_t size);
char *arena_copy_text(struct arena *arena, const char *text, size_t length);
char *arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
void arena_destroy(struct arena **arena);

#endif
