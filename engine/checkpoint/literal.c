#include "engine/checkpoint/literal.h"

#include <string.h>

static char *copy_text(struct machine *machine, const uint8_t *data, size_t length)
{
    char *text = machine_take(machine, length + 1, 1);
    if (length)
        memcpy(text, data, length);
    return text;
}

enum status literal_text(struct machine *machine, size_t width)
{
    uint64_t length;
    const uint8_t *data;
    enum status status = machine_read_size(machine, width, &length);
    if (!status)
        status = machine_read_bytes(machine, length, &data);
    if (status)
        return status;
    struct value *value = machine_make(machine, VALUE_TEXT);
    value->text.data = copy_text(machine, data, length);
    value->text.length = length;
    machine_push(machine, value);
    return STATUS_OK;
}

static void push_integer(struct machine *machine, int64_t integer)
{
    struct value *value = machine_make(machine, VALUE_INTEGER);
    value->integer = integer;
    machine_push(machine, value);
}

enum status literal_integer(struct machine *machine, size_t width, bool is_signed)
{
    uint64_t bits;
    enum status status = machine_read_size(machine, width, &bits);
    if (!status)
        push_integer(machine, is_signed ? (int64_t)(int32_t)bits : (int64_t)bits);
    return status;
}

enum status literal_long(struct machine *machine, size_t width)
{
    uint64_t length, bits = 0;
    const uint8_t *data;
    enum status status = machine_read_size(machine, width, &length);
    if (!status)
        status = machine_read_bytes(machine, length, &data);
    if (status)
        return status;
    if (length > 8) {
        struct value *value = machine_make(machine, VALUE_INERT);
        value->name = "int";
        machine_push(machine, value);
        return STATUS_OK;
    }
    for (size_t i = 0; i < length; i++)
        bits |= (uint64_t)data[i] << (8 * i);
    if (length > 0 && length < 8 && data[length - 1] & 0x80)
        bits |= UINT64_MAX << (8 * length);
    push_integer(machine, (int64_t)bits);
    return STATUS_OK;
}

enum status literal_float(struct machine *machine)
{
    const uint8_t *data;
    enum status status = machine_read_bytes(machine, 8, &data);
    if (status)
        return status;
    uint64_t bits = 0; /* big-endian, unlike all else in a pickle */
    for (size_t i = 0; i < 8; i++)
        bits = bits << 8 | data[i];
    struct value *value = machine_make(machine, VALUE_NUMBER);
    memcpy(&value->number, &bits, sizeof bits);
    machine_push(machine, value);
    return STATUS_OK;
}

void literal_boolean(struct machine *machine, bool boolean)
{
    struct value *value = machine_make(machine, VALUE_BOOLEAN);
    value->boolean = boolean;
    machine_push(machine, value);
}
