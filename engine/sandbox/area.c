#include "engine/sandbox/area.h"

#include <sys/mman.h>
#include <unistd.h>

/* What stays of an area's memory between two images; the rest goes back to the system. */
enum { INPUT_BYTES_KEPT = 4 << 20, OUTPUT_BYTES_KEPT = 16 << 20 };

static uint8_t *memory_share(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

enum status areas_init(struct area *areas, size_t count, struct failure *failure)
{
    for (size_t i = 0; i < count; i++) {
        areas[i].input = memory_share(IMAGE_FILE_BYTES_MAX);
        areas[i].output = memory_share(IMAGE_PIXEL_BYTES_MAX);
        if (!areas[i].input || !areas[i].output)
            return failure_set(failure, STATUS_UNAVAILABLE,
                               "There is no address space for %zu image decoders; ask for fewer.", count);
    }
    return STATUS_OK;
}

void areas_finish(const struct area *areas, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (areas[i].input)
            munmap(areas[i].input, IMAGE_FILE_BYTES_MAX);
        if (areas[i].output)
            munmap(areas[i].output, IMAGE_PIXEL_BYTES_MAX);
    }
}

/* Gives back the pages of [kept, size). */
static void pages_return(uint8_t *memory, size_t kept, size_t size)
{
    if (size > kept)
        madvise(memory + kept, round_up(size - kept, (size_t)sysconf(_SC_PAGESIZE)), MADV_REMOVE);
}

void area_shrink_input(const struct area *area, size_t used)
{
    pages_return(area->input, INPUT_BYTES_KEPT, used);
}

void area_shrink_output(const struct area *area, size_t used)
{
    pages_return(area->output, OUTPUT_BYTES_KEPT, used);
}
