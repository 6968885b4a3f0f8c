/* Inference requests for the tests of the api, with a picture of 100 x 80. */
#ifndef CXRD_TESTS_UNIT_API_INFERENCE_H
#define CXRD_TESTS_UNIT_API_INFERENCE_H

#include "tests/unit/api/request.h"

#define INFER "/v2/models/demo/infer"
#define INPUT(shape, data) \
    "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":" shape ",\"data\":" data "}]"
#define BINARY_INPUT                                                                                  \
    "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[2],\"parameters\":{\"binary_" \
    "data_size\":%zu}}]"

/* From inference_begin to inference_end. */
extern struct service service;
extern struct call call; /* the last one */
extern struct bytes png;
extern char *base64; /* the picture's */
void inference_begin(void);
void inference_end(void);

/* Posts a format in which each %s stands for the picture's base64. */
void infer(const char *target, const char *format);
/* Posts JSON with bytes behind it. `told`: the Inference-Header-Content-Length; NULL for the JSON's size. */
void infer_binary(const char *json, struct bytes behind, const char *told);
/* So many pictures as the elements of a binary tensor; the caller finishes it. */
struct buffer elements(int count);

/* Of the last answer: its error, "" when it has none, and an output, NULL when it has none of the name. */
const char *inference_error(void);
const struct json *inference_output(const char *name);
/* A number, which the value is. */
double json_value(const struct json *value);

#endif
