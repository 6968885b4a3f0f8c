#include "engine/checkpoint/pickle.h"

#include "engine/checkpoint/literal.h"
#include "engine/checkpoint/machine.h"
#include "engine/checkpoint/opcode.h"
#include "engine/checkpoint/rebuild.h"

#include <string.h>

enum { MODULE_ATTRIBUTES = 32 };

static bool is_object(const struct value *value)
{
    return value->kind == VALUE_INERT || value->kind == VALUE_MODULE || value->kind == VALUE_UNREAD;
}

/* Appends to a list or dict, in place: others may hold it through the memo. An inert node swallows them. */
static enum status extend(struct machine *machine, struct value *container, enum value_kind kind,
                          struct value **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        container->keeps_tensors |= value_is_tensor(items[i]) || items[i]->keeps_tensors;
    if (is_object(container))
        return STATUS_OK;
    if (container->kind != kind)
        return machine_invalid(machine, "it adds items to something that is not a container");
    if (kind == VALUE_DICT && count % 2)
        return machine_invalid(machine, "a dict has a key without a value");
    size_t needed = container->sequence.count + count;
    if (needed > container->sequence.capacity) {
        size_t capacity =
            2 * container->sequence.capacity > needed ? 2 * container->sequence.capacity : needed;
        struct value **grown = machine_take(machine, capacity, sizeof *grown);
        if (container->sequence.count)
            memcpy(grown, container->sequence.items, container->sequence.count * sizeof *grown);
        container->sequence.items = grown;
        container->sequence.capacity = capacity;
    }
    if (count)
        memcpy(container->sequence.items + container->sequence.count, items, count * sizeof *items);
    container->sequence.count = needed;
    return STATUS_OK;
}

static enum status push_sequence(struct machine *machine, enum value_kind kind, struct value **items,
                                 size_t count)
{
    struct value *value = machine_make(machine, kind == VALUE_TUPLE ? VALUE_LIST : kind);
    enum status status = extend(machine, value, value->kind, items, count);
    value->kind = kind;
    if (!status)
        machine_push(machine, value);
    return status;
}

static enum status push_marked(struct machine *machine, enum value_kind kind)
{
    struct value **items;
    size_t count;
    enum status status = machine_pop_to_mark(machine, &items, &count);
    return status ? status : push_sequence(machine, kind, items, count);
}

static enum status push_tuple(struct machine *machine, size_t count)
{
    struct value **items;
    enum status status = machine_pop_many(machine, count, &items);
    return status ? status : push_sequence(machine, VALUE_TUPLE, items, count);
}

static enum status extend_marked(struct machine *machine, enum value_kind kind)
{
    struct value **items, *container;
    size_t count;
    enum status status = machine_pop_to_mark(machine, &items, &count);
    if (!status)
        status = machine_top(machine, &container);
    return status ? status : extend(machine, container, kind, items, count);
}

static enum status extend_once(struct machine *machine, enum value_kind kind, size_t count)
{
    struct value **items, *container;
    enum status status = machine_pop_many(machine, count, &items);
    if (!status)
        status = machine_top(machine, &container);
    return status ? status : extend(machine, container, kind, items, count);
}

static enum status memo_put(struct machine *machine, size_t width)
{
    uint64_t index;
    enum status status = machine_read_size(machine, width, &index);
    return status ? status : machine_memo_put(machine, index);
}

static enum status memo_get(struct machine *machine, size_t width)
{
    uint64_t index;
    enum status status = machine_read_size(machine, width, &index);
    return status ? status : machine_memo_get(machine, index);
}

static void push_name(struct machine *machine, struct bytes module, struct bytes name)
{
    char *text = machine_take(machine, module.size + name.size + 2, 1);
    memcpy(text, module.data, module.size);
    text[module.size] = '.';
    memcpy(text + module.size + 1, name.data, name.size);
    struct value *value = machine_make(machine, VALUE_GLOBAL);
    value->name = text;
    machine_push(machine, value);
}

static enum status push_global(struct machine *machine)
{
    struct bytes module, name;
    enum status status = machine_read_line(machine, &module);
    if (!status)
        status = machine_read_line(machine, &name);
    if (!status)
        push_name(machine, module, name);
    return status;
}

static enum status push_stack_global(struct machine *machine)
{
    struct value *module, *name;
    enum status status = machine_pop(machine, &name);
    if (!status)
        status = machine_pop(machine, &module);
    if (status)
        return status;
    if (module->kind != VALUE_TEXT || name->kind != VALUE_TEXT)
        return machine_invalid(machine, "a name is not a text");
    push_name(machine, (struct bytes){(const uint8_t *)module->text.data, module->text.length},
              (struct bytes){(const uint8_t *)name->text.data, name->text.length});
    return STATUS_OK;
}

/* REDUCE and NEWOBJ: to this machine, calling and making an instance are the same. */
static enum status call(struct machine *machine)
{
    struct value *arguments, *callable, *result = machine_make(machine, VALUE_NONE);
    enum status status = machine_pop(machine, &arguments);
    if (!status)
        status = machine_pop(machine, &callable);
    if (status)
        return status;
    machine->allocated += sizeof(struct stored_tensor);
    status = rebuild_call(callable, arguments, machine->arena, machine->failure, result);
    if (!status)
        machine_push(machine, result);
    return status;
}

static enum status call_with_keywords(struct machine *machine)
{
    struct value *keywords;
    enum status status = machine_pop(machine, &keywords);
    if (!status)
        status = call(machine);
    if (!status)
        machine->stack[machine->height - 1]->keeps_tensors |= keywords->keeps_tensors;
    return status;
}

/* Whether these are the attributes of a module, which come first among those of its class. */
static bool is_of_module(const struct value *state)
{
    for (size_t i = 0; state->kind == VALUE_DICT && i < state->sequence.count && i < 2 * MODULE_ATTRIBUTES;
         i += 2) {
        const struct value *name = state->sequence.items[i];
        if (name->kind == VALUE_TEXT && !strcmp(name->text.data, "_modules"))
            return true;
    }
    return false;
}

/* BUILD sets an object's attributes, of which none is of use here: a state dict's are its _metadata. A module
 * is told by its own. */
static enum status build(struct machine *machine)
{
    struct value *state, *object;
    enum status status = machine_pop(machine, &state);
    if (!status)
        status = machine_top(machine, &object);
    if (status)
        return status;
    if (object->kind == VALUE_INERT && is_of_module(state))
        object->kind = VALUE_MODULE;
    if (object->kind == VALUE_INERT)
        object->keeps_tensors |= state->keeps_tensors;
    if (!is_object(object) && object->kind != VALUE_DICT && object->kind != VALUE_TENSOR)
        return machine_invalid(machine, "it sets the state of something that has none");
    return STATUS_OK;
}

static enum status push_storage(struct machine *machine)
{
    struct value *id, *result = machine_make(machine, VALUE_NONE);
    enum status status = machine_pop(machine, &id);
    if (!status)
        status = rebuild_storage(id, machine->failure, result);
    if (!status)
        machine_push(machine, result);
    return status;
}

static enum status duplicate(struct machine *machine)
{
    struct value *value;
    enum status status = machine_top(machine, &value);
    if (!status)
        machine_push(machine, value);
    return status;
}

static enum status check_protocol(struct machine *machine)
{
    uint64_t protocol;
    enum status status = machine_read_size(machine, 1, &protocol);
    if (!status && (protocol < 2 || protocol > 5))
        return machine_invalid(machine, "its protocol is not one of 2 to 5");
    return status;
}

static enum status step(struct machine *machine, uint8_t opcode)
{
    struct value *ignored_value, **ignored_items;
    const uint8_t *ignored_bytes;
    size_t ignored_count;
    switch (opcode) {
    case OP_PROTO:
        return check_protocol(machine);
    case OP_FRAME:
        return machine_read_bytes(machine, 8, &ignored_bytes);
    case OP_MARK:
        machine_set_mark(machine);
        return STATUS_OK;
    case OP_POP:
        return machine_pop(machine, &ignored_value);
    case OP_POP_MARK:
        return machine_pop_to_mark(machine, &ignored_items, &ignored_count);
    case OP_DUP:
        return duplicate(machine);

    case OP_NONE:
        machine_push(machine, machine_make(machine, VALUE_NONE));
        return STATUS_OK;
    case OP_NEWTRUE:
    case OP_NEWFALSE:
        literal_boolean(machine, opcode == OP_NEWTRUE);
        return STATUS_OK;
    case OP_BININT:
        return literal_integer(machine, 4, true);
    case OP_BININT1:
        return literal_integer(machine, 1, false);
    case OP_BININT2:
        return literal_integer(machine, 2, false);
    case OP_LONG1:
        return literal_long(machine, 1);
    case OP_LONG4:
        return literal_long(machine, 4);
    case OP_BINFLOAT:
        return literal_float(machine);

    case OP_SHORT_BINUNICODE:
    case OP_SHORT_BINBYTES:
    case OP_SHORT_BINSTRING:
        return literal_text(machine, 1);
    case OP_BINUNICODE:
    case OP_BINBYTES:
    case OP_BINSTRING:
        return literal_text(machine, 4);
    case OP_BINUNICODE8:
    case OP_BINBYTES8:
        return literal_text(machine, 8);

    case OP_EMPTY_TUPLE:
        return push_tuple(machine, 0);
    case OP_TUPLE1:
        return push_tuple(machine, 1);
    case OP_TUPLE2:
        return push_tuple(machine, 2);
    case OP_TUPLE3:
        return push_tuple(machine, 3);
    case OP_TUPLE:
        return push_marked(machine, VALUE_TUPLE);
    case OP_EMPTY_LIST:
    case OP_EMPTY_SET: /* a set is kept as a list */
        return push_sequence(machine, VALUE_LIST, NULL, 0);
    case OP_LIST:
    case OP_FROZENSET:
        return push_marked(machine, VALUE_LIST);
    case OP_EMPTY_DICT:
        return push_sequence(machine, VALUE_DICT, NULL, 0);
    case OP_DICT:
        return push_marked(machine, VALUE_DICT);
    case OP_APPEND:
        return extend_once(machine, VALUE_LIST, 1);
    case OP_APPENDS:
    case OP_ADDITEMS:
        return extend_marked(machine, VALUE_LIST);
    case OP_SETITEM:
        return extend_once(machine, VALUE_DICT, 2);
    case OP_SETITEMS:
        return extend_marked(machine, VALUE_DICT);

    case OP_BINPUT:
        return memo_put(machine, 1);
    case OP_LONG_BINPUT:
        return memo_put(machine, 4);
    case OP_MEMOIZE:
        return machine_memo_put(machine, machine->memo_count);
    case OP_BINGET:
        return memo_get(machine, 1);
    case OP_LONG_BINGET:
        return memo_get(machine, 4);

    case OP_GLOBAL:
        return push_global(machine);
    case OP_STACK_GLOBAL:
        return push_stack_global(machine);
    case OP_REDUCE:
    case OP_NEWOBJ:
        return call(machine);
    case OP_NEWOBJ_EX:
        return call_with_keywords(machine);
    case OP_BUILD:
        return build(machine);
    case OP_BINPERSID:
        return push_storage(machine);
    }
    return failure_set(machine->failure, STATUS_INVALID_FILE,
                       "The pickle holds opcode 0x%02x at byte %zu, which is not allowed; save it again with "
                       "torch.save and its default protocol.",
                       opcode, machine->at - 1);
}

/* One step takes at most a value, its text (which lies in the input) and the doubling of one array, so
 * checking the sum after each step bounds the whole. */
static enum status run(struct machine *machine)
{
    for (size_t steps = 0;; steps++) {
        const uint8_t *opcode;
        if (machine->at == machine->input.size)
            return machine_invalid(machine, "it ends without saying so: the file is truncated");
        if (steps == PICKLE_STEPS_MAX)
            return machine_invalid(machine, "it takes over 10 million steps");
        enum status status = machine_read_bytes(machine, 1, &opcode);
        if (status || *opcode == OP_STOP)
            return status;
        status = step(machine, *opcode);
        if (status)
            return status;
        if (machine->allocated > PICKLE_MEMORY_BYTES_MAX)
            return machine_invalid(machine, "it takes over 256 MiB of memory");
    }
}

enum status pickle_parse(struct bytes pickle, struct arena *arena, struct failure *failure,
                         struct value **out)
{
    if (pickle.size > PICKLE_BYTES_MAX)
        return failure_set(failure, STATUS_INVALID_FILE, "The pickle is over the limit of 64 MiB.");
    struct machine machine = {.input = pickle, .arena = arena, .failure = failure};
    struct value *result;
    enum status status = run(&machine);
    if (!status)
        status = machine_pop(&machine, &result);
    if (!status)
        *out = result;
    machine_finish(&machine);
    return status;
}
