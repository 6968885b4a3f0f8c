#include "api/problem.h"

#include "engine/base/log.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>

#define STATUS_CODE_IS_HTTP(name, code, title)                                                \
    static_assert(STATUS_##name == STATUS_OK ? (code) == 200 : (code) >= 400 && (code) < 600, \
                  "a status maps to an HTTP error");
STATUS_TABLE(STATUS_CODE_IS_HTTP)

static const struct {
    int code;
    const char *title;
} table[] = {
#define STATUS_ROW(name, code, title) [STATUS_##name] = {code, title},
    STATUS_TABLE(STATUS_ROW)
#undef STATUS_ROW
};
static_assert(sizeof table / sizeof *table == STATUS_COUNT, "every status has a row");

int problem_code(enum status status)
{
    assert((unsigned)status < STATUS_COUNT);
    return table[status].code;
}

/* "urn:cxrd:problem:too-large" */
static void problem_type(enum status status, char *out, size_t capacity)
{
    snprintf(out, capacity, "urn:cxrd:problem:%s", status_name(status));
    for (char *at = out + sizeof "urn:cxrd:problem:" - 1; *at; at++)
        *at = *at == '_' ? '-' : (char)tolower((unsigned char)*at);
}

void problem_hide(struct failure *failure, const char *request_id)
{
    if (problem_code(failure->status) != 500)
        return;
    log_message(LOG_ERROR, "request %s: %s", request_id, failure->sentence);
    if (failure->status != STATUS_NOT_FINITE) /* which is said of the client's own image */
        failure_set(failure, failure->status,
                    "The service failed; its log has the reason under this problem's instance.");
}

struct json *problem_json(const struct failure *failure, const char *instance)
{
    assert(failure->status != STATUS_OK);
    char type[64];
    problem_type(failure->status, type, sizeof type);
    struct json *problem = json_object();
    json_add_text(problem, "type", type);
    json_add_text(problem, "title", table[failure->status].title);
    json_add_number(problem, "status", problem_code(failure->status));
    json_add_text(problem, "detail", failure->sentence);
    json_add_text(problem, "instance", instance);
    return problem;
}
