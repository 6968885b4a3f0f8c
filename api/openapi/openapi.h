/* The API's description, openapi.yaml of the root, built into the program as YAML and as JSON. */
#ifndef CXRD_API_OPENAPI_OPENAPI_H
#define CXRD_API_OPENAPI_OPENAPI_H

#include "engine/base/memory.h"

struct bytes openapi_yaml(void);
struct bytes openapi_json(void);

#endif
