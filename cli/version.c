#include "cli/command.h"

#include "engine/gpu/pipeline.h"

#include <stdio.h>

int command_version(int argc, char **argv)
{
    if (argc > 1) {
        fprintf(stderr, "cxrd %s: takes no arguments.\n", argv[0]);
        return EXIT_USAGE;
    }
    printf("cxrd %s, %zu shaders, compiled with %s\n", CXRD_VERSION, gpu_shader_count(), __VERSION__);
    return EXIT_DONE;
}
