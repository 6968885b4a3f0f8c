/* The parts of the pickle machine: its input, stack, marks and memo. pickle.c moves them. */
#ifndef CXRD_ENGINE_CHECKPOINT_MACHINE_H
#define CXRD_ENGINE_CHECKPOINT_MACHINE_H

#include "engine/base/memory.h"
#include "engine/base/status.h"
#include "engine/checkpoint/value.h"

struct machine {
    struct bytes input;
    size_t at; /* byte of the input to be read next */
    struct arena *arena;
    size_t allocated; /* bytes taken for values, stack, marks and memo: the caller bounds it */
    struct value **stack;
    size_t height, stack_capacity;
    size_t *marks; /* heights of the stack */
    size_t mark_count, mark_capacity;
    struct value **memo;
    size_t memo_count, memo_capacity; /* count: entries set, by which MEMOIZE numbers them */
    struct failure *failure;
};

/* Frees stack, marks and memo; the values stay in the arena. */
void machine_finish(struct machine *machine);

/* Sets "The pickle is not valid at byte N: WHAT." and returns INVALID_FILE, as all below fail. */
enum status machine_invalid(struct machine *machine, const char *what);

/* Zeroed memory of the arena, counted in `allocated`. */
void *machine_take(struct machine *machine, size_t count, size_t size);
struct value *machine_make(struct machine *machine, enum value_kind kind);

void machine_push(struct machine *machine, struct value *value);
WARN_UNUSED enum status machine_pop(struct machine *machine, struct value **out);
WARN_UNUSED enum status machine_top(struct machine *machine, struct value **out);
/* Pops `count` values at once; *items points into the stack and is valid until the next push. */
WARN_UNUSED enum status machine_pop_many(struct machine *machine, size_t count, struct value ***items);

void machine_set_mark(struct machine *machine);
/* Pops all above the last mark, and the mark. */
WARN_UNUSED enum status machine_pop_to_mark(struct machine *machine, struct value ***items, size_t *count);

/* The memo holds what is on top of the stack under a number, and gives it back. */
WARN_UNUSED enum status machine_memo_put(struct machine *machine, uint64_t index);
WARN_UNUSED enum status machine_memo_get(struct machine *machine, uint64_t index);

/* Reads of the input: `count` bytes; a little-endian number of `width` bytes; up to a line feed. */
WARN_UNUSED enum status machine_read_bytes(struct machine *machine, size_t count, const uint8_t **out);
WARN_UNUSED enum status machine_read_size(struct machine *machine, size_t width, uint64_t *out);
WARN_UNUSED enum status machine_read_line(struct machine *machine, struct bytes *out);

#endif
