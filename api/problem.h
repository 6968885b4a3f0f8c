/* Errors as RFC 9457 problems. The one table of statuses is engine/base/status.h. */
#ifndef CXRD_API_PROBLEM_H
#define CXRD_API_PROBLEM_H

#include "engine/base/json.h"
#include "engine/base/status.h"

/* The HTTP code of a status. */
int problem_code(enum status status);

/* {"type", "title", "status", "detail", "instance"}; the detail is the failure's sentence. */
struct json *problem_json(const struct failure *failure, const char *instance);

/* Before a client is told: what went wrong inside the service (code 500) is logged with the request's id, and
 * the sentence says only where to look. */
void problem_hide(struct failure *failure, const char *request_id);

#endif
