/* The options of a request with images as they were given: collected by name from query, form or JSON, or
 * from a command line. */
#ifndef CXRD_API_OPTION_LIST_H
#define CXRD_API_OPTION_LIST_H

#include "api/text.h"
#include "engine/base/memory.h"
#include "engine/base/status.h"

/* One option as it was given. A text is one value or several with commas between them; a JSON array is
 * several. */
struct given_option {
    const char *name;
    struct text_list values;
};

enum { OPTION_COUNT_MAX = 13 };

/* The options there are, NULL after the last: of POST /predict and of POST /embed. */
extern const char *const predict_option_names[];
extern const char *const embed_option_names[];

struct option_list {
    const char *const *known; /* one of those above */
    bool command_line;        /* where they were given, in whose words sentences are */
    struct given_option items[OPTION_COUNT_MAX];
    size_t count;
};

/* "The option 'attention_for'", or "--attention-for" of a command line: as sentences begin. */
struct option_title {
    char text[40];
};
struct option_title option_title(const struct option_list *list, const char *name);

/* Adds an option. Fails with BAD_REQUEST when its name is unknown, it was given before, or it is empty. */
WARN_UNUSED enum status option_add(struct option_list *list, struct arena *arena, const char *name,
                                   struct text_list values, struct failure *failure);
/* An option; NULL when it was not given. */
const struct given_option *option_find(const struct option_list *list, const char *name);
/* Refuses a value with what there is instead: BAD_REQUEST, "WHAT 'GIVEN'; there are: ...". */
enum status option_refuse(struct arena *arena, struct failure *failure, const char *what, const char *given,
                          const char *const *there, size_t count);
/* The single value of an option; NULL when it was not given. Fails with BAD_REQUEST when it has several. */
WARN_UNUSED enum status option_value(const struct option_list *list, const char *name,
                                     struct failure *failure, const char **out);

#endif
