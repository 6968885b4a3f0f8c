/* JSON documents: parsing with bounds, typed access, building and printing. The only face of cJSON.
 *
 * Names are compared exactly (cJSON's default ignores case), a document's depth and the number of its values
 * are bounded, and numbers are read and written in the "C" locale, which the process never leaves.
 */
#ifndef CXRD_ENGINE_BASE_JSON_H
#define CXRD_ENGINE_BASE_JSON_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

struct json; /* one value: a document is its root */

/* What a kind of document needs at most. A value takes 64 bytes, which bounds what a document of many tiny
 * ones costs; texts take their length besides. */
struct json_limits {
    int depth;
    size_t values; /* members' names are none; an empty array or object may count twice */
};

/* Parses exactly one value (white space may surround it). The limits are checked in one pass over the text
 * before anything is built. A NUL in a text, escaped or not, is refused. Fails with BAD_REQUEST, and
 * with OUT_OF_MEMORY where there is none for a long text. The caller owns *out, which borrows nothing. */
WARN_UNUSED enum status json_parse(struct bytes text, struct json_limits limits, struct failure *failure,
                                   struct json **out);
/* The same of a text whose size a client chose: its length, which all its strings together do not pass, is
 * charged to the arena. Fails with BUSY too. *out is not in the arena: the caller destroys it. */
WARN_UNUSED enum status json_parse_within(struct arena *arena, struct bytes text, struct json_limits limits,
                                          struct failure *failure, struct json **out);
void json_destroy(struct json **value);

/* Access. All accept NULL, which is no value of any kind, so look-ups can be chained. */
const struct json *json_member(const struct json *object, const char *name); /* NULL when absent */
const struct json *json_first(const struct json *container);                 /* child of an object or array */
const struct json *json_next(const struct json *value);                      /* sibling, NULL at the end */
const char *json_name(const struct json *member);                            /* its name in the object */
size_t json_length(const struct json *container);
bool json_is_object(const struct json *value);
bool json_is_array(const struct json *value);
bool json_is_null(const struct json *value);
const char *json_text(const struct json *value); /* NULL when not a string */
/* The same, to be changed in place and made shorter by the document's owner. */
char *json_text_inside(const struct json *value);
bool json_number(const struct json *value, double *out); /* false when not a number */
bool json_boolean(const struct json *value, bool *out);  /* false when not true or false */
/* A number that is a whole one in [minimum, maximum] (which lie within +-2^53). */
bool json_integer(const struct json *value, int64_t minimum, int64_t maximum, int64_t *out);
/* A name that stands twice in an object, in this value or in any within it; or NULL. */
const char *json_duplicate_name(const struct json *value);

/* Building. A value handed to json_add or json_append belongs to its container from then on. JSON has no
 * numbers that are not finite, and whoever made one has made a mistake: they assert. */
struct json *json_object(void);
struct json *json_array(void);
struct json *json_null(void);
struct json *json_add(struct json *object, const char *name, struct json *value); /* returns value */
struct json *json_append(struct json *array, struct json *value);                 /* returns value */
/* Puts `value` in the place of the member of that name, or at the end when there is none; returns value. */
struct json *json_set(struct json *object, const char *name, struct json *value);
/* Destroys the member of that name, if there is one; item `index` of an array. */
void json_remove(struct json *object, const char *name);
void json_remove_at(struct json *array, size_t index);
void json_add_text(struct json *object, const char *name, const char *text);
/* A float is printed with the fewest digits that give it back. */
void json_add_float(struct json *object, const char *name, float number);
void json_add_number(struct json *object, const char *name, double number);
void json_add_boolean(struct json *object, const char *name, bool value);
void json_append_text(struct json *array, const char *text);
void json_append_number(struct json *array, double number);
struct json *json_text_value(const char *text);
/* A text that is borrowed: it must outlive the value. For long ones. */
struct json *json_text_borrowed(const char *text);
/* A value that is there as JSON already: copied, or borrowed as above. */
struct json *json_printed(const char *text);
struct json *json_printed_borrowed(const char *text);
struct json *json_number_value(double number);
struct json *json_boolean_value(bool value);
/* An array of `count` floats, each printed so. */
struct json *json_float_array(const float *values, size_t count);
struct json *json_copy(const struct json *value);

/* Prints into memory the caller frees with free(). `indented`: for people; else on one line. */
char *json_print(const struct json *value, bool indented);
/* In two steps, for what is as large as a client wanted: the bytes of the one line, without a NUL, and then
 * the line into so much memory. */
size_t json_print_size(const struct json *value);
void json_print_into(const struct json *value, char *text);
/* What json_float_array prints, with a NUL, into JSON_FLOATS_BYTES(count) of memory. */
#define JSON_FLOATS_BYTES(count) ((count)*17 + 3)
void json_print_floats(const float *values, size_t count, char *text);

#endif
