/* Inside card_read: members of model.json, each checked as it is taken.
 *
 * Reading stops at the first failure: after that every getter gives zero or an empty text. `where` says in a
 * sentence what the member belongs to: a name, or a member's name in quotes.
 */
#ifndef CXRD_ENGINE_PACKAGE_READER_H
#define CXRD_ENGINE_PACKAGE_READER_H

#include "engine/base/json.h"

struct reader {
    struct arena *arena;
    struct failure *failure;
    enum status status;
    const struct json **taken; /* [taken_count]: members that were asked for by their names; owned */
    size_t taken_count;
    const struct json *whole; /* the member whose content is not asked for; NULL: none */
};

/* The member of that name; NULL when it is absent. Whatever is never asked for in this way, nothing reads. */
const struct json *reader_take(struct reader *reader, const struct json *object, const char *name);

/* Fails with "NAME" of WHERE must be WANTED, unless reading has failed. */
void reader_refuse(struct reader *reader, const char *where, const char *name, const char *wanted);

/* What goes into replies, logs and file names must be fit to be shown: every name and text of the document.
 */
void reader_check(struct reader *reader, const struct json *value, const char *name);

const char *reader_optional_text(struct reader *reader, const struct json *object, const char *where,
                                 const char *name); /* NULL when it is absent */
const char *reader_text(struct reader *reader, const struct json *object, const char *where,
                        const char *name);
/* The text "weights", a file inside the package: a bare name, so that a package cannot reach outside its
 * folder. */
const char *reader_file_name(struct reader *reader, const struct json *object, const char *where);

uint32_t reader_integer(struct reader *reader, const struct json *object, const char *where, const char *name,
                        int64_t minimum, int64_t maximum);
double reader_number(struct reader *reader, const struct json *object, const char *where, const char *name,
                     double minimum, double maximum);
/* One that may be absent, and is `otherwise` then. */
double reader_optional_number(struct reader *reader, const struct json *object, const char *where,
                              const char *name, double minimum, double maximum, double otherwise);
/* A value itself, such as one of a list called `name`. */
double reader_number_in(struct reader *reader, const struct json *value, const char *where, const char *name,
                        double minimum, double maximum);
/* False when it is absent. */
bool reader_boolean(struct reader *reader, const struct json *object, const char *where, const char *name);

/* One of two words: 0 for the first, 1 for the second. */
int reader_choice(struct reader *reader, const struct json *object, const char *where, const char *name,
                  const char *first, const char *second);

/* The array member `name`, of `minimum` to `maximum` values; an absent one counts as empty. */
const struct json *reader_array(struct reader *reader, const struct json *object, const char *where,
                                const char *name, size_t minimum, size_t maximum, size_t *count);

#endif
