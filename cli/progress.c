#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

enum { BAR_CELLS = 30 };
static const char BAR[] = "##############################";

void progress_show(size_t done, size_t total, const char *what)
{
    if (!isatty(STDERR_FILENO) || !total)
        return;
    int cells = (int)(done * BAR_CELLS / total);
    fprintf(stderr, "\r[%-*.*s] %zu/%zu %.40s\033[K", BAR_CELLS, cells, BAR, done, total, what);
    fflush(stderr);
}

void progress_clear(void)
{
    if (!isatty(STDERR_FILENO))
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
}
