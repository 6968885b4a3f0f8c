/* Host memory: allocations that cannot fail quietly, byte ranges, a growable buffer and a request arena.
 *
 * Memory whose size a client chose comes from arena_take, which fails that client's request alone. All other
 * allocations are small: where the machine has none left they live on a reserve, set aside by memory_reserve,
 * until memory_is_short has made the service refuse new work. Only when that is used up too does the process
 * say so and abort.
 */
#ifndef CXRD_ENGINE_BASE_MEMORY_H
#define CXRD_ENGINE_BASE_MEMORY_H

#include "engine/base/budget.h"
#include "engine/base/status.h"

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

/* Sets `bytes` aside, once, for allocations that must not fail. Without a call there is no reserve. */
void memory_reserve(size_t bytes);
/* True while the reserve is used up; tries to set it aside again. Thread-safe. */
bool memory_is_short(void);

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
/* An arena whose larger memory counts against `budget` (borrowed) until the arena is destroyed. */
struct arena *arena_create_within(struct budget *budget);
/* For small memory: aborts where there is none. */
void *arena_allocate(struct arena *arena, size_t count, size_t size);
char *arena_copy_text(struct arena *arena, const char *text, size_t length);
char *arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For memory whose size a client chose: `size` bytes, not zeroed, counted against the arena's budget. Fails
 * with BUSY beyond what the budget has left, TOO_LARGE beyond the whole of it, OUT_OF_MEMORY where the
 * machine has none. */
WARN_UNUSED enum status arena_take(struct arena *arena, size_t size, struct failure *failure, void **out);
/* Makes `*memory`, which arena_take gave or is NULL, `size` bytes, no less than before; it may move. Fails as
 * arena_take, with *memory as it was. */
WARN_UNUSED enum status arena_grow(struct arena *arena, size_t size, struct failure *failure, void **memory);
/* Frees what arena_take gave before the arena's end, and its bytes with it. Memory that is not of this arena
 * is left alone. */
void arena_drop(struct arena *arena, const void *memory);
/* Counts `bytes` of this request that live elsewhere (decoded pixels, a parsed document, pictures) against
 * the arena's budget until arena_refund or the arena's end. Fails with BUSY and TOO_LARGE as arena_take. */
WARN_UNUSED enum status arena_charge(struct arena *arena, size_t bytes, struct failure *failure);
void arena_refund(struct arena *arena, size_t bytes);
void arena_destroy(struct arena **arena);

#endif
