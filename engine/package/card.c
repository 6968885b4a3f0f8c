#include "engine/package/card.h"

const char *head_kind_name(enum head_kind kind)
{
    return kind == HEAD_FINDINGS ? "findings" : "risk";
}

const char *head_type_name(enum head_type type)
{
    return type == HEAD_GLORI ? "glori" : "linear";
}
