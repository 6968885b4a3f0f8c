#include "cli/command.h"

#include "engine/gpu/pipeline.h"

#include <stdio.h>

int command_version(int argc, char **argv)
{
    if (argc > 1) {
        command_say(argv[0], "takes no arguments.");
        return EXIT_USAGE;
    }
    printf("cxrd %s, %zu shaders, compiled with %s\n", CXRD_VERSION, gpu_shader_count(), __VERSION__);
    return EXIT_DONE;
}
