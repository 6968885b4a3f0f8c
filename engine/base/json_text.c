#include "engine/base/json_text.h"

#include <string.h>

static bool is_digit(struct bytes text, size_t at)
{
    return at < text.size && text.data[at] >= '0' && text.data[at] <= '9';
}

static bool is_one_of(struct bytes text, size_t at, const char *characters)
{
    return at < text.size && text.data[at] && strchr(characters, text.data[at]);
}

static size_t digits_end(struct bytes text, size_t at)
{
    while (is_digit(text, at))
        at++;
    return at;
}

/* Past the number at `at`; `at` itself where there is none, or one that JSON does not write so. */
static size_t number_end(struct bytes text, size_t at)
{
    const size_t integer = at + is_one_of(text, at, "-");
    if (!is_digit(text, integer))
        return at;
    size_t end = text.data[integer] == '0' ? integer + 1 : digits_end(text, integer);
    if (is_one_of(text, end, ".")) {
        if (!is_digit(text, end + 1))
            return at;
        end = digits_end(text, end + 1);
    }
    if (is_one_of(text, end, "eE")) {
        const size_t exponent = end + 1 + is_one_of(text, end + 1, "+-");
        if (!is_digit(text, exponent))
            return at;
        end = digits_end(text, exponent);
    }
    return is_digit(text, end) ? at : end;
}

static size_t word_end(struct bytes text, size_t at)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const size_t length = strlen(words[i]);
        if (text.size - at >= length && !memcmp(text.data + at, words[i], length))
            return at + length;
    }
    return at;
}

/* The place of the quote that ends a text which begins at `at`, or of what must not be in it: a control
 * character, a NUL escaped or not. */
static size_t string_end(struct bytes text, size_t at)
{
    while (at < text.size && text.data[at] >= 0x20 && text.data[at] != '"') {
        if (text.data[at] == '\\') {
            if (text.size - at >= 6 && !memcmp(text.data + at + 1, "u0000", 5))
                return at;
            at++;
        }
        at++;
    }
    return at;
}

/* Past what stands at `at`, a byte of structure or of white space, a number, a word or a whole text. */
static enum status token_end(struct bytes text, size_t at, struct failure *failure, size_t *out)
{
    size_t end = at;
    if (text.data[at] == '"') {
        end = string_end(text, at + 1);
        if (end < text.size && (text.data[end] == '\\' || !text.data[end]))
            return failure_set(failure, STATUS_BAD_REQUEST, "The JSON has a NUL in a text, at byte %zu.",
                               end);
        if (end < text.size && text.data[end] != '"')
            return failure_set(failure, STATUS_BAD_REQUEST,
                               "The JSON has a control character in a text, at byte %zu.", end);
        end++;
    } else if (is_one_of(text, at, "{}[]:, \t\r\n")) {
        end++;
    } else {
        end = number_end(text, at);
        end = end == at ? word_end(text, at) : end;
    }
    if (end == at)
        return failure_set(failure, STATUS_BAD_REQUEST, "The JSON is malformed at byte %zu.", at);
    *out = end;
    return STATUS_OK;
}

enum status json_text_check(struct bytes text, struct json_limits limits, struct failure *failure)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of byte order: no part of the text */
    size_t values = 1, at = text.size >= 3 && !memcmp(text.data, mark, 3) ? 3 : 0;
    int depth = 0;
    while (at < text.size) {
        const uint8_t c = text.data[at]; /* an empty container counts as two values */
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        values += c == '{' || c == '[' || c == ',';
        if (depth > limits.depth)
            return failure_set(failure, STATUS_BAD_REQUEST, "The JSON is nested deeper than %d levels.",
                               limits.depth);
        if (values > limits.values)
            return failure_set(failure, STATUS_BAD_REQUEST, "The JSON has more than %zu values.",
                               limits.values);
        enum status status = token_end(text, at, failure, &at);
        if (status)
            return status;
    }
    if (depth > 0)
        return failure_set(failure, STATUS_BAD_REQUEST, "The JSON ends too early, after %zu bytes.",
                           text.size);
    return STATUS_OK;
}
