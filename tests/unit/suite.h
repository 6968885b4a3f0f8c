/* What the main of a test program does with its cases. */
#ifndef CXRD_TESTS_UNIT_SUITE_H
#define CXRD_TESTS_UNIT_SUITE_H

#include "engine/base/process.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Valgrind has a memory and signals of its own. */
static inline bool under_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded && strstr(preloaded, "vgpreload");
}

/* `whole`, or `part` of it under valgrind, which would take minutes. */
static inline size_t unless_valgrind(size_t whole, size_t part)
{
    return under_valgrind() ? part : whole;
}

/* Where the address space is the program's own, so that a test can bound it: not under a sanitizer. */
static inline bool memory_is_native(void)
{
    return !PROCESS_SANITIZED && !under_valgrind();
}

/* Runs them as a suite of that name; gives the program's exit status. */
static inline int suite_run(const char *name, TCase *cases)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
