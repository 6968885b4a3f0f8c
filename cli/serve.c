#include "cli/command.h"
#include "engine/base/log.h"
#include "server/server.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: cxrd serve --model DIR [OPTION...]\n\n"
    "Serves POST /predict and /embed over HTTP; /openapi.yaml describes the rest. Each option is also an\n"
    "environment variable (CXRD_MAX_BATCH) and a key of the --config file (max-batch); the\n"
    "command line counts most, the file least.\n\n"
    "SIGHUP loads the packages again and replaces the old ones without losing a request; change a package "
    "by\n"
    "moving a new folder into its place, never file by file.\n\n"
    "Standard output says where it listens and when it is ready; standard error has the log.\n\n"
    "Exit codes: 0 stopped by SIGTERM or SIGINT, 1 could not start, 2 usage, 3 the device or the\n"
    "decoders were lost and could not be made ready again, 128 + N ended at once by a second signal N.\n\n";

int command_serve(int argc, char **argv)
{
    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        fputs(usage, stdout);
        settings_describe(stdout);
        return 0;
    }
    struct failure failure = {0};
    struct settings settings;
    if (settings_read(argc - 1, argv + 1, &failure, &settings)) {
        fprintf(stderr, "cxrd serve: %s\n", failure.sentence);
        return 2;
    }
    log_configure((enum log_level)settings.log_level, (enum log_format)settings.log_format);
    enum status status = server_run(&settings, &failure);
    settings_finish(&settings);
    clearerr(stdout); /* who read that it listens may be gone: that is no failure */
    if (status)
        fprintf(stderr, "cxrd serve: %s\n", failure.sentence);
    return server_exit_code(status);
}
