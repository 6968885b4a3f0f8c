#include "cli/progress.h"

#include "cli/command.h"
#include "engine/base/clock.h"
#include "engine/base/utf8.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR_CELLS = 24, BAR_BYTES = 256, COLUMNS = 80 };
static const char BAR[] = "########################";

void progress_begin(struct progress *progress)
{
    progress->began_ns = progress->said_ns = clock_now_ns();
}

/* "50 s", "12 min", "3 h 20 min" */
static void print_time(double seconds, char *text, size_t size)
{
    if (seconds < 100)
        snprintf(text, size, "%.0f s", seconds);
    else if (seconds < 100 * 60)
        snprintf(text, size, "%.0f min", seconds / 60);
    else
        snprintf(text, size, "%.0f h %.0f min", (double)(uint64_t)(seconds / 3600),
                 (double)((uint64_t)(seconds / 60) % 60));
}

const char *progress_text(const struct progress *progress, size_t done, uint64_t now_ns,
                          char text[PROGRESS_TEXT_BYTES])
{
    double seconds = (double)(now_ns - progress->began_ns) / 1e9;
    int used = snprintf(text, PROGRESS_TEXT_BYTES, "%zu of %zu %s", done, progress->total, progress->unit);
    if (done <= progress->before || seconds <= 0)
        return text;
    double rate = (double)(done - progress->before) / seconds;
    char left[48];
    print_time((double)(progress->total - done) / rate, left, sizeof left);
    snprintf(text + used, PROGRESS_TEXT_BYTES - (size_t)used, ", %.*f %s/s, %s left", rate < 1 ? 3 : 1, rate,
             progress->unit, left);
    return text;
}

/* On one line of the terminal: what is left of a second one cannot be taken away. */
static void draw_bar(const struct progress *progress, size_t done, const char *text, const char *what)
{
    struct winsize size;
    char bar[BAR_BYTES], shown[BAR_BYTES];
    size_t columns = !ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col ? size.ws_col : COLUMNS;
    int cells = (int)(done * BAR_CELLS / progress->total);
    snprintf(bar, sizeof bar, "[%-*.*s] %s  %s", BAR_CELLS, cells, BAR, text, what);
    utf8_escape(bar, shown, columns < sizeof shown ? columns : sizeof shown);
    fprintf(stderr, "\r%s\033[K", shown);
    fflush(stderr);
}

void progress_show_at(struct progress *progress, size_t done, const char *what, uint64_t now_ns)
{
    char text[PROGRESS_TEXT_BYTES];
    if (progress->quiet || !progress->total)
        return;
    progress_text(progress, done, now_ns, text);
    if (isatty(STDERR_FILENO)) {
        draw_bar(progress, done, text, what);
    } else if (now_ns - progress->said_ns >= PROGRESS_LINE_S * UINT64_C(1000000000)) {
        progress->said_ns = now_ns;
        command_say(progress->command, "%s.", text);
    }
}

void progress_show(struct progress *progress, size_t done, const char *what)
{
    progress_show_at(progress, done, what, clock_now_ns());
}

void progress_bytes(void *context, size_t done_bytes, size_t total_bytes)
{
    struct progress *progress = context;
    progress->total = total_bytes >> 20;
    progress_show(progress, done_bytes >> 20, "");
}

void progress_clear(void)
{
    if (!isatty(STDERR_FILENO))
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
}
