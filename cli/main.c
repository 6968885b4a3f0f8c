/* cxrd SUBCOMMAND [OPTIONS] */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} COMMANDS[] = {
    {"bench", command_bench, "how fast a model runs here, operation by operation"},
    {"devices", command_devices, "what there is to run on, and why something is not used"},
    {"embed", command_embed, "embeddings of image files as one .npy or .safetensors file"},
    {"head", command_head, "add, remove or list the heads of a model package"},
    {"health", command_health, "ask a running service whether it is ready"},
    {"import", command_import, "make a model package from published checkpoints"},
    {"inspect", command_inspect, "show a package, a .safetensors or a .pth file as tables"},
    {"predict", command_predict, "findings, attention maps and risk scores of image files"},
    {"serve", command_serve, "answer POST /predict and /embed over HTTP"},
    {"tune", command_tune, "measure the kernels' tiles on a device, and keep the fastest"},
    {"version", command_version, "what this is and what it was built with"},
};

static void print_help(FILE *out)
{
    fputs("cxrd: chest X-rays in; findings, attention maps and risk scores out.\n\n"
          "usage: cxrd COMMAND [OPTIONS]   (cxrd COMMAND --help says more)\n\n",
          out);
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++)
        fprintf(out, "  %-9s %s\n", COMMANDS[i].name, COMMANDS[i].help);
    fputs("\nNot a medical device.\n", out);
}

/* A full disk or a reader that is gone must not look like success. */
static int finish(int code)
{
    errno = 0; /* an earlier write may have failed, whose reason is forgotten by now */
    if (!fflush(stdout) && !ferror(stdout))
        return code;
    fprintf(stderr, "cxrd: standard output cannot be written%s%s; what was printed is not whole.\n",
            errno ? ": " : "", errno ? strerror(errno) : "");
    return code == EXIT_DONE ? EXIT_FAILED : code;
}

int main(int argc, char **argv)
{
    command_prepare();
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_help(stdout);
        return EXIT_DONE;
    }
    if (!strcmp(argv[1], "--version"))
        return command_version(argc - 1, argv + 1);
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++)
        if (!strcmp(argv[1], COMMANDS[i].name))
            return finish(COMMANDS[i].run(argc - 1, argv + 1));
    struct failure failure;
    failure_set(&failure, STATUS_BAD_REQUEST, "there is no command \"%s\"; see cxrd --help.", argv[1]);
    fprintf(stderr, "cxrd: %s\n", failure.sentence);
    return EXIT_USAGE;
}
