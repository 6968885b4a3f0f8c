#include "engine/base/memory.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Atomic(void *) reserve;
static _Atomic size_t reserve_bytes;

static void out_of_memory(size_t count, size_t size)
{
    fprintf(stderr, "cxrd: out of memory (%zu x %zu bytes)\n", count, size);
    abort();
}

void memory_reserve(size_t bytes)
{
    atomic_store(&reserve_bytes, bytes);
    (void)memory_is_short();
}

bool memory_is_short(void)
{
    size_t bytes = atomic_load(&reserve_bytes);
    if (!bytes || atomic_load(&reserve))
        return false;
    void *block = malloc(bytes), *none = NULL;
    if (block && !atomic_compare_exchange_strong(&reserve, &none, block))
        free(block); /* another thread was faster */
    return !block;
}

/* Frees the reserve; false when that had been done before. */
static bool use_reserve(void)
{
    void *block = atomic_exchange(&reserve, NULL);
    free(block);
    return block;
}

void *memory_allocate(size_t count, size_t size)
{
    void *memory;
    do
        memory = calloc(count ? count : 1, size ? size : 1);
    while (!memory && use_reserve());
    if (!memory)
        out_of_memory(count, size);
    return memory;
}

void *memory_resize(void *old, size_t count, size_t size)
{
    size_t total;
    if (!checked_multiply(count, size, &total))
        out_of_memory(count, size);
    void *memory;
    do
        memory = realloc(old, total ? total : 1);
    while (!memory && use_reserve());
    if (!memory)
        out_of_memory(count, size);
    return memory;
}

char *memory_copy_text(const char *text)
{
    size_t length = strlen(text);
    char *copy = memory_allocate(length + 1, 1);
    memcpy(copy, text, length);
    return copy;
}

bool checked_multiply(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool checked_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

size_t round_up(size_t value, size_t step)
{
    return (value + step - 1) / step * step;
}

bool buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    size_t needed;
    if (!checked_add(buffer->size, size, &needed) || needed > buffer->maximum)
        return false;
    if (needed > buffer->capacity) {
        size_t capacity = buffer->capacity ? buffer->capacity : 256;
        while (capacity < needed)
            capacity *= 2;
        if (capacity > buffer->maximum)
            capacity = buffer->maximum;
        buffer->data = memory_resize(buffer->data, capacity, 1);
        buffer->capacity = capacity;
    }
    if (size)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size = needed;
    return true;
}

void buffer_finish(struct buffer *buffer)
{
    free(buffer->data);
    buffer->data = NULL;
    buffer->size = buffer->capacity = 0;
}

enum { ARENA_BLOCK_BYTES = 64 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t used, capacity;
    max_align_t data[];
};

struct arena {
    struct arena_block *blocks; /* the newest first: the only one allocated from */
    struct arena_block *taken;  /* one block for each arena_take */
    struct budget *budget;      /* NULL: nothing is counted */
    size_t charged_bytes;
};

struct arena *arena_create(void)
{
    return memory_allocate(1, sizeof(struct arena));
}

struct arena *arena_create_within(struct budget *budget)
{
    struct arena *arena = arena_create();
    arena->budget = budget;
    return arena;
}

enum status arena_charge(struct arena *arena, size_t bytes, struct failure *failure)
{
    if (arena->budget && bytes > arena->budget->limit_bytes - arena->charged_bytes)
        return failure_set(
            failure, STATUS_TOO_LARGE,
            "The request needs more memory than the service may hold for all requests (%zu MiB); "
            "send fewer or smaller images, or ask for less.",
            arena->budget->limit_bytes >> 20);
    if (arena->budget && !budget_take(arena->budget, bytes))
        return failure_set(
            failure, STATUS_NO_ROOM,
            "The requests in flight hold as much memory as they may; try again in a moment, or "
            "send the request to another service.");
    arena->charged_bytes += bytes;
    return STATUS_OK;
}

void arena_refund(struct arena *arena, size_t bytes)
{
    assert(bytes <= arena->charged_bytes);
    arena->charged_bytes -= bytes;
    if (arena->budget)
        budget_give(arena->budget, bytes);
}

/* The link to the block of this memory; that at the list's end when there is none. */
static struct arena_block **find_taken(struct arena *arena, const void *memory)
{
    struct arena_block **at = &arena->taken;
    while (*at && (const void *)(*at)->data != memory)
        at = &(*at)->next;
    return at;
}

enum status arena_grow(struct arena *arena, size_t size, struct failure *failure, void **memory)
{
    struct arena_block **at = find_taken(arena, *memory), *old = *at;
    size_t before = old ? old->capacity : 0;
    assert(size >= before);
    enum status status = arena_charge(arena, size - before, failure);
    if (status)
        return status;
    struct arena_block *block = size < SIZE_MAX / 2 ? realloc(old, sizeof *block + size) : NULL;
    if (!block) {
        arena_refund(arena, size - before);
        return failure_set(failure, STATUS_OUT_OF_MEMORY,
                           "There is no memory left for this request; try again in a moment, or send it to "
                           "another service.");
    }
    if (!old)
        block->next = NULL;
    block->capacity = size;
    *at = block;
    *memory = block->data;
    return STATUS_OK;
}

enum status arena_take(struct arena *arena, size_t size, struct failure *failure, void **out)
{
    void *memory = NULL;
    enum status status = arena_grow(arena, size, failure, &memory);
    if (!status)
        *out = memory;
    return status;
}

void arena_drop(struct arena *arena, const void *memory)
{
    struct arena_block **at = find_taken(arena, memory), *block = *at;
    if (!block)
        return;
    *at = block->next;
    arena_refund(arena, block->capacity);
    free(block);
}

void *arena_allocate(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (!checked_multiply(count, size, &total) || total > SIZE_MAX / 2)
        out_of_memory(count, size);
    total = round_up(total, sizeof(max_align_t));
    struct arena_block *block = arena->blocks;
    if (!block || block->capacity - block->used < total) {
        size_t capacity = total > ARENA_BLOCK_BYTES ? total : ARENA_BLOCK_BYTES;
        block = memory_allocate(1, sizeof *block + capacity);
        block->capacity = capacity;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *memory = (uint8_t *)block->data + block->used;
    block->used += total;
    return memory;
}

char *arena_copy_text(struct arena *arena, const char *text, size_t length)
{
    char *copy = arena_allocate(arena, length + 1, 1);
    memcpy(copy, text, length);
    return copy;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = arena_allocate(arena, (size_t)length + 1, 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    return text;
}

static void free_blocks(struct arena_block *block)
{
    for (struct arena_block *next; block; block = next) {
        next = block->next;
        free(block);
    }
}

void arena_destroy(struct arena **arena)
{
    if (!arena || !*arena)
        return;
    free_blocks((*arena)->blocks);
    free_blocks((*arena)->taken);
    arena_refund(*arena, (*arena)->charged_bytes);
    free(*arena);
    *arena = NULL;
}
