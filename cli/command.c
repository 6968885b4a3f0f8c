#include "cli/command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int command_fail(const char *name, const struct failure *failure, int exit_code)
{
    fprintf(stderr, "cxrd %s: %s\n", name, failure->sentence);
    return exit_code;
}

int command_option(int argc, char **argv, const struct option *options)
{
    opterr = 0;
    int option = getopt_long(argc, argv, ":h", options, NULL);
    if (option == '?')
        fprintf(stderr, "cxrd %s: unknown option %s; see cxrd %s --help.\n", argv[0], argv[optind - 1],
                argv[0]);
    if (option == ':') {
        fprintf(stderr, "cxrd %s: option %s needs a value; see cxrd %s --help.\n", argv[0], argv[optind - 1],
                argv[0]);
        option = '?';
    }
    return option;
}

void command_prepare(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDWR) != stream)
            abort();
    signal(SIGXFSZ, SIG_IGN);
}
