#include "cli/interrupt.h"

#include "engine/base/utf8.h"

#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 1024 };
static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

/* The handler reads one line while the next is written into the other. */
static char lines[2][LINE_BYTES];
static _Atomic(const char *) line;
static bool on_terminal;

static void say(int number)
{
    static const char clear[] = "\r\033[K";
    const char *text = atomic_load(&line);
    ssize_t put = 0;
    if (text && on_terminal)
        put = write(STDERR_FILENO, clear, sizeof clear - 1);
    if (text)
        put = write(STDERR_FILENO, text, strlen(text));
    (void)put;
    raise(number); /* whose action is the default again */
}

static void catch_signals(void)
{
    on_terminal = isatty(STDERR_FILENO);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction before, ours = {.sa_handler = say, .sa_flags = (int)SA_RESETHAND};
        sigfillset(&ours.sa_mask); /* one of them is said */
        if (!sigaction(signals[i], NULL, &before) && before.sa_handler == SIG_DFL)
            sigaction(signals[i], &ours, NULL);
    }
}

void interrupt_expect(const char *name, const char *format, ...)
{
    const char *now = atomic_load(&line);
    char *next = lines[now == lines[0]], sentence[LINE_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    int used = snprintf(next, LINE_BYTES, "cxrd %s: ", name);
    utf8_escape(sentence, next + used, LINE_BYTES - (size_t)used - 1);
    strcat(next, "\n");
    atomic_store(&line, next);
    if (!now)
        catch_signals();
}

void interrupt_end(void)
{
    atomic_store(&line, NULL);
}
