#include "cli/command.h"

#include "engine/base/memory.h"
#include "engine/base/utf8.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A line as it may be shown. */
static void put_line(FILE *out, const char *before, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    size_t size = (size_t)vsnprintf(NULL, 0, format, arguments) + 1, room = utf8_escape_room(size);
    char *text = memory_allocate(size, 1), *plain = memory_allocate(room, 1);
    vsnprintf(text, size, format, again);
    va_end(again);
    utf8_escape(text, plain, room);
    fprintf(out, "%s%s\n", before, plain);
    free(plain);
    free(text);
}

void command_say(const char *name, const char *format, ...)
{
    char before[32];
    va_list arguments;
    snprintf(before, sizeof before, "cxrd %s: ", name);
    va_start(arguments, format);
    put_line(stderr, before, format, arguments);
    va_end(arguments);
}

void command_print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    put_line(stdout, "", format, arguments);
    va_end(arguments);
}

bool command_read_number(const char *text, uint32_t maximum, char **end, uint32_t *out)
{
    unsigned long value = strtoul(text, end, 10);
    *out = (uint32_t)value;
    return *text >= '0' && *text <= '9' && value >= 1 && value <= maximum; /* strtoul takes a sign too */
}

int command_fail(const char *name, const struct failure *failure, int exit_code)
{
    command_say(name, "%s", failure->sentence);
    return exit_code;
}

int command_exit_code(const struct failure *failure)
{
    return failure->status == STATUS_BAD_REQUEST ? EXIT_USAGE : EXIT_FAILED;
}

int command_option(int argc, char **argv, const struct option *options)
{
    opterr = 0;
    int index = -1, option = getopt_long(argc, argv, ":h", options, &index);
    if (option == '?')
        command_say(argv[0], "unknown option %s; see cxrd %s --help.", argv[optind - 1], argv[0]);
    else if (option == ':')
        command_say(argv[0], "option %s needs a value; see cxrd %s --help.", argv[optind - 1], argv[0]);
    else if (option != -1 && index >= 0 && options[index].has_arg && !*optarg)
        command_say(argv[0], "option --%s has an empty value; see cxrd %s --help.", options[index].name,
                    argv[0]);
    else
        return option;
    return '?';
}

int command_options(int argc, char **argv, const struct option *options, void (*help)(void),
                    command_take *take, void *context)
{
    struct failure failure = {0};
    for (int option; (option = command_option(argc, argv, options)) != -1;) {
        if (option == '?')
            return EXIT_USAGE;
        if (option == 'h') {
            help();
            return EXIT_DONE;
        }
        if (take(context, option, &failure))
            return command_fail(argv[0], &failure, EXIT_USAGE);
    }
    return -1;
}

void command_prepare(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDWR) != stream)
            abort();
    signal(SIGXFSZ, SIG_IGN);
}
