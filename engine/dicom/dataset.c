#include "engine/dicom/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    PREAMBLE_BYTES = 128,
    DEPTH_MAX = 16, /* of sequences in sequences */
    TAG_ITEM = 0xFFFEE000,
    TAG_ITEM_END = 0xFFFEE00D,
    TAG_SEQUENCE_END = 0xFFFEE0DD
};
#define UNDEFINED 0xFFFFFFFFu

static const uint32_t TAGS[DICOM_ATTRIBUTES] = {
#define ATTRIBUTE_TAG(name, tag) tag,
    ATTRIBUTE_TABLE(ATTRIBUTE_TAG)
#undef ATTRIBUTE_TAG
};

struct cursor {
    struct bytes bytes;
    size_t at;
    bool is_implicit, is_big_endian;
    bool is_item; /* which may end with a delimiter */
};

/* The head of a data element. */
struct head {
    uint32_t tag, length;
    char form[3];
};

static uint32_t read_u16(const uint8_t *at, bool big_endian)
{
    return big_endian ? (uint32_t)at[0] << 8 | at[1] : (uint32_t)at[1] << 8 | at[0];
}

static uint32_t read_u32(const uint8_t *at, bool big_endian)
{
    uint32_t first = read_u16(at, big_endian), second = read_u16(at + 2, big_endian);
    return big_endian ? first << 16 | second : second << 16 | first;
}

static size_t left_of(const struct cursor *cursor)
{
    return cursor->bytes.size - cursor->at;
}

static bool has_form(const uint8_t *at)
{
    return at[4] >= 'A' && at[4] <= 'Z' && at[5] >= 'A' && at[5] <= 'Z';
}

/* Forms with two reserved bytes and a length of four (PS3.5, table 7.1-1). */
static bool is_long_form(const char *form)
{
    static const char forms[] = "OB OD OF OL OV OW SQ SV UC UN UR UT UV";
    return strstr(forms, form);
}

/* Reads a head and moves behind it; false where the bytes end before it does. An element without a form among
 * others with one is read as the implicit one that it must be. */
static bool head_read(struct cursor *cursor, struct head *out)
{
    const bool big_endian = cursor->is_big_endian;
    *out = (struct head){0};
    if (left_of(cursor) < 8)
        return false;
    const uint8_t *at = cursor->bytes.data + cursor->at;
    out->tag = read_u16(at, big_endian) << 16 | read_u16(at + 2, big_endian);
    if (cursor->is_implicit || out->tag >> 16 == 0xFFFE || !has_form(at)) {
        out->length = read_u32(at + 4, big_endian);
        cursor->at += 8;
        return true;
    }
    memcpy(out->form, at + 4, 2);
    if (!is_long_form(out->form)) {
        out->length = read_u16(at + 6, big_endian);
        cursor->at += 8;
        return true;
    }
    if (left_of(cursor) < 12)
        return false;
    out->length = read_u32(at + 8, big_endian);
    cursor->at += 12;
    return true;
}

static bool skip(struct cursor *cursor, uint32_t length)
{
    bool fits = length <= left_of(cursor);
    cursor->at += fits ? length : left_of(cursor);
    return fits;
}

static bool items_skip(struct cursor *cursor, unsigned depth);

/* Moves behind an element's value. What is of unknown form and undefined length is implicit, little endian
 * (PS3.5, section 6.2.2). */
static bool value_skip(struct cursor *cursor, const struct head *head, unsigned depth)
{
    if (head->length != UNDEFINED)
        return skip(cursor, head->length);
    const struct cursor before = *cursor;
    if (!strcmp(head->form, "UN")) {
        cursor->is_implicit = true;
        cursor->is_big_endian = false;
    }
    bool done = items_skip(cursor, depth);
    cursor->is_implicit = before.is_implicit;
    cursor->is_big_endian = before.is_big_endian;
    return done;
}

/* Moves behind the end of a sequence of undefined length. */
static bool items_skip(struct cursor *cursor, unsigned depth)
{
    struct head item, head;
    if (depth == DEPTH_MAX)
        return false;
    while (head_read(cursor, &item) && item.tag == TAG_ITEM) {
        if (item.length != UNDEFINED) {
            if (!skip(cursor, item.length))
                return false;
            continue;
        }
        while (head_read(cursor, &head) && head.tag != TAG_ITEM_END)
            if (!value_skip(cursor, &head, depth + 1))
                return false;
        if (head.tag != TAG_ITEM_END)
            return false;
    }
    return item.tag == TAG_SEQUENCE_END;
}

/* The element of that tag, or NULL: nobody asks for it. */
static struct data_element *element_of(struct dataset *set, uint32_t tag)
{
    for (size_t low = 0, high = DICOM_ATTRIBUTES; low < high;) {
        size_t middle = (low + high) / 2;
        if (TAGS[middle] == tag)
            return &set->elements[middle];
        if (TAGS[middle] < tag)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Takes elements up to the pixel data, or while they are of `group`; 0: of any. False where one leads past
 * the end. */
static bool elements_take(struct cursor *cursor, uint32_t group, struct dataset *set)
{
    struct head head;
    while (left_of(cursor) >= 8) {
        const struct cursor before = *cursor;
        if (!head_read(cursor, &head))
            return false;
        if (cursor->is_item && head.tag == TAG_ITEM_END)
            return true;
        if (group && head.tag >> 16 != group) {
            *cursor = before;
            return true;
        }
        struct data_element *element = element_of(set, head.tag);
        const size_t begin = cursor->at, left = left_of(cursor);
        const bool undefined = head.length == UNDEFINED, pixels = head.tag == TAGS[DICOM_PIXEL_DATA];
        bool whole = pixels ? undefined || head.length <= left : value_skip(cursor, &head, 0);
        if (element && !element->is_present) {
            size_t size = undefined ? left : head.length < left ? head.length : left;
            *element = (struct data_element){.value = {cursor->bytes.data + begin, size},
                                             .is_present = true,
                                             .is_cut = !whole,
                                             .is_undefined = undefined};
            memcpy(element->form, head.form, sizeof element->form);
        }
        if (pixels)
            return true;
        if (!whole)
            return false;
    }
    return true;
}

/* How a dataset that no transfer syntax describes is written: as its first element looks. */
static void guess_encoding(struct cursor *cursor)
{
    if (left_of(cursor) < 8)
        return;
    const uint8_t *at = cursor->bytes.data + cursor->at;
    cursor->is_implicit = !has_form(at);
    cursor->is_big_endian = !cursor->is_implicit && read_u16(at, false) > read_u16(at, true);
}

/* Reads what stands before the dataset; the cursor is at it then. */
static bool file_begin(struct cursor *cursor, struct dataset *set)
{
    const struct bytes bytes = cursor->bytes;
    if (bytes.size >= PREAMBLE_BYTES + 4 && !memcmp(bytes.data + PREAMBLE_BYTES, "DICM", 4))
        cursor->at = PREAMBLE_BYTES + 4;
    bool whole = elements_take(cursor, 0x0002, set);
    dataset_text(set, DICOM_TRANSFER_SYNTAX, 0, set->syntax, sizeof set->syntax);
    return whole;
}

static bool is_deflated(const struct dataset *set)
{
    return !strcmp(set->syntax, "1.2.840.10008.1.2.1.99");
}

static bool dataset_take(struct cursor *cursor, struct dataset *set)
{
    guess_encoding(cursor);
    set->is_implicit = cursor->is_implicit;
    set->is_big_endian = cursor->is_big_endian;
    return elements_take(cursor, 0, set);
}

/* A look is taken by the process that serves, several times a request. */
void dataset_look(struct bytes encoded, struct dataset *out)
{
    struct cursor cursor = {.bytes = encoded};
    if (cursor.bytes.size > DATASET_LOOK_MAX)
        cursor.bytes.size = DATASET_LOOK_MAX;
    *out = (struct dataset){0};
    if (file_begin(&cursor, out) && !is_deflated(out))
        (void)dataset_take(&cursor, out);
}

bool dataset_recognise(struct bytes encoded)
{
    enum { ELEMENT_BYTES_MAX = 1024 };
    struct cursor cursor = {.bytes = encoded};
    struct head first, second;
    if (encoded.size >= PREAMBLE_BYTES + 4 && !memcmp(encoded.data + PREAMBLE_BYTES, "DICM", 4))
        return true;
    guess_encoding(&cursor);
    if (!head_read(&cursor, &first) || first.length > ELEMENT_BYTES_MAX || !skip(&cursor, first.length) ||
        !head_read(&cursor, &second))
        return false;
    uint32_t group = first.tag >> 16;
    return (group == 0x0002 || group == 0x0008) && (first.tag & 0xFFFF) <= 0x60 && second.tag > first.tag &&
           second.tag >> 16 <= 0x0010;
}

static enum status damaged(struct failure *failure, const char *what)
{
    return failure_set(failure, STATUS_UNPROCESSABLE, "The DICOM file is damaged: %s. Export it again.",
                       what);
}

/* Inflates a dataset (PS3.5, A.5: without zlib's head and tail) into memory of the set's own. */
static enum status inflate_all(struct bytes packed, struct failure *failure, struct dataset *set,
                               struct bytes *out)
{
    z_stream stream = {.next_in = (uint8_t *)packed.data, .avail_in = (uInt)packed.size};
    size_t size = 0, capacity = 0; /* of set->inflated */
    int result = inflateInit2(&stream, -MAX_WBITS);
    while (result == Z_OK && size < DATASET_INFLATED_MAX) {
        if (size == capacity) {
            size_t larger = capacity ? 2 * capacity : 1 << 20;
            larger = larger < DATASET_INFLATED_MAX ? larger : DATASET_INFLATED_MAX;
            uint8_t *memory = realloc(set->inflated, larger);
            if (!memory) {
                result = Z_MEM_ERROR;
                break;
            }
            set->inflated = memory;
            capacity = larger;
        }
        stream.next_out = set->inflated + size;
        stream.avail_out = (uInt)(capacity - size);
        result = inflate(&stream, Z_NO_FLUSH);
        size = capacity - stream.avail_out;
    }
    inflateEnd(&stream);
    if (result == Z_MEM_ERROR)
        return failure_set(failure, STATUS_OUT_OF_MEMORY, "There is no memory to decode the image.");
    if (result == Z_OK)
        return damaged(failure, "its deflated dataset is larger than any image that is read");
    if (result != Z_STREAM_END)
        return damaged(failure, "its deflated dataset cannot be unpacked, or ends early");
    *out = (struct bytes){set->inflated, size};
    return STATUS_OK;
}

enum status dataset_read(struct bytes encoded, struct failure *failure, struct dataset *out)
{
    struct dataset set = {0};
    struct cursor cursor = {.bytes = encoded};
    enum status status = STATUS_OK;
    if (!file_begin(&cursor, &set))
        return damaged(failure, "it ends within its file meta information");
    if (is_deflated(&set)) {
        struct bytes inflated = {0};
        const struct bytes rest = {encoded.data + cursor.at, left_of(&cursor)};
        status = inflate_all(rest, failure, &set, &inflated);
        cursor = (struct cursor){.bytes = inflated};
    }
    if (!status && !dataset_take(&cursor, &set))
        status =
            failure_set(failure, STATUS_UNPROCESSABLE,
                        "The DICOM file is truncated or damaged: a data element leads past its end. Send "
                        "the whole file.");
    if (status)
        dataset_finish(&set);
    else
        *out = set;
    return status;
}

void dataset_finish(struct dataset *set)
{
    free(set->inflated);
    *set = (struct dataset){0};
}

bool dataset_item(const struct dataset *set, enum attribute attribute, struct dataset *out)
{
    const struct data_element *element = &set->elements[attribute];
    struct cursor cursor = {element->value, 0, set->is_implicit, set->is_big_endian};
    struct head head;
    if (!strcmp(element->form, "UN")) {
        cursor.is_implicit = true;
        cursor.is_big_endian = false;
    }
    if (!head_read(&cursor, &head) || head.tag != TAG_ITEM)
        return false;
    if (head.length != UNDEFINED && head.length < left_of(&cursor))
        cursor.bytes.size = cursor.at + head.length;
    *out = (struct dataset){.is_implicit = cursor.is_implicit, .is_big_endian = cursor.is_big_endian};
    cursor.is_item = true;
    (void)elements_take(&cursor, 0, out);
    return true;
}

bool dataset_fragment(const struct dataset *set, size_t *at, struct bytes *out, bool *cut)
{
    struct cursor cursor = {.bytes = set->elements[DICOM_PIXEL_DATA].value, .at = *at};
    struct head head;
    *cut = false;
    if (!head_read(&cursor, &head)) {
        *cut = true;
        return false;
    }
    if (head.tag != TAG_ITEM) {
        *cut = head.tag != TAG_SEQUENCE_END;
        return false;
    }
    const size_t begin = cursor.at;
    if (!skip(&cursor, head.length)) {
        *cut = true;
        return false;
    }
    *out = (struct bytes){cursor.bytes.data + begin, head.length};
    *at = cursor.at;
    return true;
}
