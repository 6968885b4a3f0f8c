/* The literals of a pickle: each reads its value from the machine's input and pushes it on the stack. */
#ifndef CXRD_ENGINE_CHECKPOINT_LITERAL_H
#define CXRD_ENGINE_CHECKPOINT_LITERAL_H

#include "engine/checkpoint/machine.h"

/* A text or bytes whose length stands before it in `width` bytes. */
WARN_UNUSED enum status literal_text(struct machine *machine, size_t width);
/* A number of `width` bytes, at most four. */
WARN_UNUSED enum status literal_integer(struct machine *machine, size_t width, bool is_signed);
/* A two's complement number whose length stands before it; over 64 bits it is of no use here, and inert. */
WARN_UNUSED enum status literal_long(struct machine *machine, size_t width);
/* A binary64, big-endian. */
WARN_UNUSED enum status literal_float(struct machine *machine);
void literal_boolean(struct machine *machine, bool boolean);

#endif
