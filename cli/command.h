/* The subcommands of cxrd: one file each, one function each.
 *
 * argv[0] is the subcommand's name. Exit codes: 0 done; 1 some inputs failed, each named on standard error; 2
 * usage.
 */
#ifndef CXRD_CLI_COMMAND_H
#define CXRD_CLI_COMMAND_H

#include "engine/base/status.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

/* Of sentences about an option that several commands have. */
#define PRECISION_FORM "--precision is auto, fp16 or fp32"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Before anything else: standard streams that are closed lead nowhere, since another file would get their
 * numbers and what is printed, and a limit of file sizes fails writes and does not end the process. */
void command_prepare(void);

int command_bench(int argc, char **argv);
int command_devices(int argc, char **argv);
int command_embed(int argc, char **argv);
int command_head(int argc, char **argv);
int command_health(int argc, char **argv);
int command_import(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_serve(int argc, char **argv);
int command_predict(int argc, char **argv);
int command_tune(int argc, char **argv);
int command_version(int argc, char **argv);

/* Prints "cxrd NAME: ..." and a line feed on standard error, and "..." and a line feed on standard output,
 * fit for a terminal whatever names of files are in it (utf8_escape). */
void command_say(const char *name, const char *format, ...) PRINTF_LIKE(2, 3);
void command_print(const char *format, ...) PRINTF_LIKE(1, 2);

/* Reads a whole number from 1 to `maximum` at the start of a text; *end is what stands behind it. */
bool command_read_number(const char *text, uint32_t maximum, char **end, uint32_t *out);

/* Prints "cxrd NAME: sentence" on standard error and returns `exit_code`. */
int command_fail(const char *name, const struct failure *failure, int exit_code);

/* What a run that failed so ends with: EXIT_USAGE where the command line is at fault (BAD_REQUEST), else
 * EXIT_FAILED. */
int command_exit_code(const struct failure *failure);

/* As getopt_long for options without short forms but -h; an unknown option and a value that is missing or
 * empty is reported in one line with how to see the help. Returns the option's `val`, -1 at the end, '?'
 * after an error. */
int command_option(int argc, char **argv, const struct option *options);

/* Takes an option by its `val`, with its value in `optarg`. Fails with BAD_REQUEST. */
typedef enum status command_take(void *context, int option, struct failure *failure);
/* Reads all options with command_option, of which 'h' is --help. -1 to go on, else the exit code. */
int command_options(int argc, char **argv, const struct option *options, void (*help)(void),
                    command_take *take, void *context);

#endif
