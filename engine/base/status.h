/* How every fallible function of the project ends: a status, and a sentence that is safe to show to a client.
 *
 * A function that can fail returns `enum status`, takes a `struct failure *` it fills when the status is not
 * STATUS_OK, and leaves its result through its last parameter, untouched on failure. The sentence says what
 * was wrong and what to do; it never holds a path of the server, an address or text taken from a decoder.
 */
#ifndef CXRD_ENGINE_BASE_STATUS_H
#define CXRD_ENGINE_BASE_STATUS_H

#include <stdarg.h>

/* X(name, HTTP status code, RFC 9457 title). The one table: api/ derives its HTTP answers from it. */
#define STATUS_TABLE(X)                                                                                   \
    X(OK, 200, "OK")                                                                                      \
    X(BAD_REQUEST, 400, "Bad request")                  /* malformed body or option */                    \
    X(UNAUTHORIZED, 401, "API key required")            /* no key */                                      \
    X(FORBIDDEN, 403, "API key refused")                /* wrong key */                                   \
    X(SWITCHED_OFF, 403, "Switched off")                /* who runs the service does not give it */       \
    X(NOT_FOUND, 404, "Not found")                      /* no such route, model, file */                  \
    X(METHOD_NOT_ALLOWED, 405, "Method not allowed")    /* route exists, method does not */               \
    X(REQUEST_TIMEOUT, 408, "Request timeout")          /* head or body came too slowly */                \
    X(NO_HEADS, 409, "Model has no heads")              /* it embeds, and was asked to predict */         \
    X(LENGTH_REQUIRED, 411, "Length required")          /* no Content-Length */                           \
    X(TOO_LARGE, 413, "Too large")                      /* body or image over a limit */                  \
    X(UNSUPPORTED_MEDIA, 415, "Unsupported media type") /* format we do not read */                       \
    X(UNPROCESSABLE, 422, "Image cannot be used")       /* truncated, no contrast, too small */           \
    X(TOO_MANY_REQUESTS, 429, "Too many requests")      /* a client's quota */                            \
    X(HEADERS_TOO_LARGE, 431, "Request header fields too large")                                          \
    X(CLIENT_GONE, 499, "Client closed request") /* before it had its answer */                           \
    X(UNAVAILABLE, 503, "Service unavailable")   /* loading, draining, no decoder, device rebuilding */   \
    X(BUSY, 503, "Service busy")                 /* as much work as can be done soon */                   \
    X(QUEUE_FULL, 503, "Queue full")             /* of images */                                          \
    X(NO_ROOM, 503, "No room for the request")   /* what those in flight hold or use is all there is */   \
    X(TIMEOUT, 504, "Deadline exceeded")         /* the request's deadline fired */                       \
    X(INVALID_FILE, 500, "Invalid file")         /* a weight, checkpoint or settings file is not valid */ \
    X(DEVICE, 500, "Device error")               /* Vulkan said no */                                     \
    X(DEVICE_LOST, 503, "Device lost")           /* retry elsewhere */                                    \
    X(NO_DEVICE, 500, "No usable device")                                                                 \
    X(OUT_OF_MEMORY, 503, "Out of memory")                                                                \
    X(NOT_FINITE, 500, "Answer not finite") /* NaN or infinity in what the network made of an image */    \
    X(INTERNAL, 500, "Internal error")      /* never expected */

enum status {
#define STATUS_ENUM(name, code, title) STATUS_##name,
    STATUS_TABLE(STATUS_ENUM)
#undef STATUS_ENUM
        STATUS_COUNT
};

#define WARN_UNUSED              __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

enum { FAILURE_SENTENCE_BYTES = 320 };

struct failure {
    enum status status;
    char sentence[FAILURE_SENTENCE_BYTES]; /* one line of UTF-8, ends in a full stop, no line feed */
};

/* Fills *failure (which may be NULL) and returns `status`, so that a caller can `return failure_set(...)`. */
enum status failure_set(struct failure *failure, enum status status, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Puts "prefix: " before the sentence already there, naming where it happened. Returns the status that
 * is kept, INTERNAL where `failure` is NULL. */
enum status failure_prefix(struct failure *failure, const char *format, ...) PRINTF_LIKE(2, 3);

/* The name of a status ("UNPROCESSABLE"), static storage. */
const char *status_name(enum status status);

#endif
