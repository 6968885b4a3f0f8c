/* What the main of a test program does with its cases. */
#ifndef CXRD_TESTS_UNIT_SUITE_H
#define CXRD_TESTS_UNIT_SUITE_H

#include <check.h>
#include <stdlib.h>

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
