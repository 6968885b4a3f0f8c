/* Errors as RFC 9457 problems. The one table of statuses is engine/base/status.h. */
#ifndef CXRD_API_PROBLEM_H
#define CXRD_API_PROBLEM_H

#include "engine/base/json.h"
#include "engine/base/status.h"

/* The HTTP code of a status. */
int problem_code(enum status status);

/* {"type", "title", "status", "detail", "instance"}. What went wrong inside the service (code 500) is logged
 * with the request's id, and the client is told only where to look. */
struct json *problem_json(const struct failure *failure, const char *request_id);

#endif
