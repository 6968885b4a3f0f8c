#include "engine/checkpoint/machine.h"

#include "engine/checkpoint/pickle.h"

#include <stdlib.h>
#include <string.h>

void machine_finish(struct machine *machine)
{
    free(machine->stack);
    free(machine->marks);
    free(machine->memo);
}

enum status machine_invalid(struct machine *machine, const char *what)
{
    failure_set(machine->failure, STATUS_INVALID_FILE, "The pickle is not valid at byte %zu: %s.",
                machine->at, what);
    return STATUS_INVALID_FILE;
}

void *machine_take(struct machine *machine, size_t count, size_t size)
{
    machine->allocated += count * size;
    return arena_allocate(machine->arena, count, size);
}

struct value *machine_make(struct machine *machine, enum value_kind kind)
{
    struct value *value = machine_take(machine, 1, sizeof *value);
    value->kind = kind;
    return value;
}

/* Gives the array room for `needed` items, doubling; new items are zero. */
static void *grow(struct machine *machine, void *array, size_t *capacity, size_t needed, size_t size)
{
    if (needed <= *capacity)
        return array;
    size_t more = *capacity ? *capacity : 64;
    while (more < needed)
        more *= 2;
    machine->allocated += (more - *capacity) * size;
    array = memory_resize(array, more, size);
    memset((uint8_t *)array + *capacity * size, 0, (more - *capacity) * size);
    *capacity = more;
    return array;
}

void machine_push(struct machine *machine, struct value *value)
{
    machine->stack =
        grow(machine, machine->stack, &machine->stack_capacity, machine->height + 1, sizeof *machine->stack);
    machine->stack[machine->height++] = value;
}

enum status machine_pop_many(struct machine *machine, size_t count, struct value ***items)
{
    /* Values below the last mark belong to what is built around it. */
    size_t floor = machine->mark_count ? machine->marks[machine->mark_count - 1] : 0;
    if (machine->height - floor < count)
        return machine_invalid(machine, "it takes more from its stack than there is");
    machine->height -= count;
    *items = count ? machine->stack + machine->height : NULL;
    return STATUS_OK;
}

enum status machine_pop(struct machine *machine, struct value **out)
{
    struct value **items;
    enum status status = machine_pop_many(machine, 1, &items);
    if (!status)
        *out = items[0];
    return status;
}

enum status machine_top(struct machine *machine, struct value **out)
{
    enum status status = machine_pop(machine, out);
    if (!status)
        machine->height++;
    return status;
}

void machine_set_mark(struct machine *machine)
{
    machine->marks = grow(machine, machine->marks, &machine->mark_capacity, machine->mark_count + 1,
                          sizeof *machine->marks);
    machine->marks[machine->mark_count++] = machine->height;
}

enum status machine_pop_to_mark(struct machine *machine, struct value ***items, size_t *count)
{
    if (machine->mark_count == 0)
        return machine_invalid(machine, "it looks for a mark that was not set");
    size_t mark = machine->marks[--machine->mark_count];
    *count = machine->height - mark;
    *items = *count ? machine->stack + mark : NULL;
    machine->height = mark;
    return STATUS_OK;
}

enum status machine_memo_put(struct machine *machine, uint64_t index)
{
    struct value *value;
    enum status status = machine_top(machine, &value);
    if (status)
        return status;
    if (index >= PICKLE_MEMO_MAX)
        return machine_invalid(machine, "its memo is over the limit of 4 million entries");
    machine->memo = grow(machine, machine->memo, &machine->memo_capacity, index + 1, sizeof *machine->memo);
    machine->memo_count += machine->memo[index] == NULL;
    machine->memo[index] = value;
    return STATUS_OK;
}

enum status machine_memo_get(struct machine *machine, uint64_t index)
{
    if (index >= machine->memo_capacity || !machine->memo[index])
        return machine_invalid(machine, "it takes from its memo what was not put there");
    machine_push(machine, machine->memo[index]);
    return STATUS_OK;
}

enum status machine_read_bytes(struct machine *machine, size_t count, const uint8_t **out)
{
    if (count > machine->input.size - machine->at)
        return machine_invalid(machine, "it ends in the middle of an opcode, so the file is truncated");
    *out = machine->input.data + machine->at;
    machine->at += count;
    return STATUS_OK;
}

enum status machine_read_size(struct machine *machine, size_t width, uint64_t *out)
{
    const uint8_t *data;
    enum status status = machine_read_bytes(machine, width, &data);
    if (status)
        return status;
    uint64_t value = 0;
    for (size_t i = width; i-- > 0;)
        value = value << 8 | data[i];
    *out = value;
    return STATUS_OK;
}

enum status machine_read_line(struct machine *machine, struct bytes *out)
{
    const uint8_t *start = machine->input.data + machine->at;
    size_t left = machine->input.size - machine->at;
    const uint8_t *end = left ? memchr(start, '\n', left) : NULL;
    if (!end)
        return machine_invalid(machine, "it ends in the middle of an opcode, so the file is truncated");
    *out = (struct bytes){start, (size_t)(end - start)};
    machine->at += out->size + 1;
    return STATUS_OK;
}
