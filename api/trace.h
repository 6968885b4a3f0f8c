/* The trace a request belongs to: W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context-1/). */
#ifndef CXRD_API_TRACE_H
#define CXRD_API_TRACE_H

#include <stdbool.h>

enum { TRACE_ID_DIGITS = 32, TRACE_SPAN_DIGITS = 16, TRACE_PARENT_BYTES = 56 };

struct trace {
    char id[TRACE_ID_DIGITS + 1];
    char span[TRACE_SPAN_DIGITS + 1];   /* this request's own */
    char parent[TRACE_SPAN_DIGITS + 1]; /* the caller's span; "" when the trace begins here */
    bool sampled;                       /* the caller says it keeps the trace */
};

/* Continues the trace of a traceparent header's value; begins a new one when that is NULL or not valid (as
 * section 3.2.2 defines it). */
void trace_init(struct trace *trace, const char *traceparent);

/* The traceparent whose span is this request's, with a zero at its end. */
void trace_print(const struct trace *trace, char out[TRACE_PARENT_BYTES]);

#endif
