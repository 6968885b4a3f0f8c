#include "engine/base/file.h"
#include "server/settings.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/cxrd_settings_XXXXXX";

static void begin(void)
{
    strcpy(path + strlen(path) - 6, "XXXXXX");
    close(mkstemp(path));
}

static void end(void)
{
    unlink(path);
}

static enum status read_all(const char *const *arguments, struct failure *failure, struct settings *out)
{
    int count = 0;
    while (arguments[count])
        count++;
    return settings_read(count, (char *const *)arguments, failure, out);
}
#define READ(failure, out, ...) read_all((const char *const[]){__VA_ARGS__, NULL}, failure, out)

static void write_file(const char *text)
{
    struct failure failure;
    ck_assert(!file_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, &failure));
}

START_TEST(nothing_given_means_the_defaults)
{
    struct settings settings;
    struct failure failure = {0};
    ck_assert_msg(!READ(&failure, &settings, "--model", "m"), "%s", failure.sentence);
    ck_assert_uint_eq(settings.model_count, 1);
    ck_assert_str_eq(settings.models[0], "m");
    ck_assert_str_eq(settings.listen, "127.0.0.1:8080");
    ck_assert_ptr_null(settings.probe_listen);
    ck_assert_uint_eq(settings.device_count, 0);
    ck_assert_uint_eq(settings.threads, 256);
    ck_assert_uint_eq(settings.decoders, 0);
    ck_assert_uint_eq(settings.decoder_sandbox, 1);
    ck_assert_uint_eq(settings.attention, 1);
    ck_assert_uint_eq(settings.head_timeout_ms, 20000);
    ck_assert_ptr_null(settings.api_keys);
    ck_assert_ptr_null(settings.cors_origins);
    ck_assert_uint_eq(settings.log_format, LOG_JSON);
    settings_finish(&settings);
}
END_TEST

START_TEST(the_command_line_wins_over_environment_over_file)
{
    struct settings settings;
    struct failure failure = {0};
    write_file("model: [file, second]\nthreads: 1\nmax-batch: 2\nmax-queue: '3'\nlog-level: debug\n"
               "decoder-sandbox: off\nattention: off\n");
    setenv("CXRD_THREADS", "10", 1);
    setenv("CXRD_MAX_BATCH", "20", 1);
    setenv("CXRD_DECODERS", "3", 1);
    ck_assert_msg(!READ(&failure, &settings, "--config", path, "--threads=7"), "%s", failure.sentence);
    ck_assert_uint_eq(settings.threads, 7);
    ck_assert_uint_eq(settings.max_batch, 20);
    ck_assert_uint_eq(settings.decoders, 3);
    ck_assert_uint_eq(settings.decoder_sandbox, 0);
    ck_assert_uint_eq(settings.attention, 0);
    ck_assert_uint_eq(settings.max_queue, 3);
    ck_assert_uint_eq(settings.log_level, LOG_DEBUG);
    ck_assert_uint_eq(settings.model_count, 2);
    ck_assert_str_eq(settings.models[1], "second");
    settings_finish(&settings);
    setenv("CXRD_MODEL", "a,b,c", 1);
    setenv("CXRD_CONFIG", path, 1);
    setenv("CXRD_ATTENTION", "on", 1);
    ck_assert(!READ(&failure, &settings, "--precision", "fp32"));
    ck_assert_uint_eq(settings.attention, 1);
    ck_assert_uint_eq(settings.model_count, 3);
    ck_assert_uint_eq(settings.precision, 2);
    ck_assert_uint_eq(settings.max_queue, 3);
    settings_finish(&settings);
    ck_assert(!READ(&failure, &settings, "--model", "x", "--model", "y", "--device", "1", "--device", "0",
                    "--attention", "off"));
    ck_assert_uint_eq(settings.attention, 0);
    ck_assert_uint_eq(settings.model_count, 2);
    ck_assert_uint_eq(settings.device_count, 2);
    ck_assert_str_eq(settings.devices[1], "0");
    settings_finish(&settings);
}
END_TEST

static void refused(const char *const *arguments, const char *words)
{
    struct settings settings;
    struct failure failure = {0};
    ck_assert_int_ne(read_all(arguments, &failure, &settings), STATUS_OK);
    ck_assert_msg(strstr(failure.sentence, words), "%s: %s", words, failure.sentence);
}
#define REFUSED(words, ...) refused((const char *const[]){__VA_ARGS__, NULL}, words)

START_TEST(what_is_wrong_is_named)
{
    REFUSED("No model", "--threads", "1");
    REFUSED("--hat is no option", "--model", "m", "--hat", "1");
    REFUSED("'m' is no option", "m");
    REFUSED("--model needs a value", "--model");
    REFUSED("--threads can be given 1 time", "--threads", "1", "--threads", "2");
    REFUSED("--threads must be a whole number from 1 to 1024", "--model", "m", "--threads", "0");
    REFUSED("--threads must be a whole number", "--model", "m", "--threads", "4x");
    REFUSED("--decoders must be a whole number from 0 to 64", "--model", "m", "--decoders", "65");
    REFUSED("--decoder-sandbox must be one of on|off", "--model", "m", "--decoder-sandbox", "no");
    REFUSED("--attention must be one of on|off", "--model", "m", "--attention", "none");
    REFUSED("--threads must be a whole number", "--model", "m", "--threads", "-1");
    REFUSED("--threads must be a whole number", "--model", "m", "--threads", "99999999999999999999");
    REFUSED("--precision must be one of auto|fp16|fp32", "--model", "m", "--precision", "int8");
    REFUSED("--tls-certificate: this service speaks plain HTTP", "--model", "m", "--tls-certificate", "x");
    REFUSED("--listen must be ADDRESS:PORT", "--model", "m", "--listen", "8080");
    REFUSED("--listen must be ADDRESS:PORT", "--model", "m", "--listen", "");
    REFUSED("--listen must be ADDRESS:PORT", "--model", "m", "--listen", "::1:8080");
    REFUSED("--probe-listen must be ADDRESS:PORT", "--model", "m", "--probe-listen", "127.0.0.1:65536");
    REFUSED("No such file", "--config", "/no/such/file");
}
END_TEST

START_TEST(no_keys_by_mistake_is_told)
{
    struct settings settings;
    struct failure failure = {0};
    REFUSED("--api-keys is empty", "--model", "m", "--api-keys", "");
    write_file("api-keys: ''\n");
    REFUSED("api-keys", "--model", "m", "--config", path);
    setenv("CXRD_API_KEYS", "", 1);
    REFUSED("CXRD_API_KEYS is empty", "--model", "m");
    setenv("CXRD_API_KEYS", "keys", 1);
    setenv("CXRD_CORS_ORIGINS", "", 1); /* other options are not set by that */
    ck_assert_msg(!READ(&failure, &settings, "--model", "m"), "%s", failure.sentence);
    ck_assert_str_eq(settings.api_keys, "keys");
    settings_finish(&settings);
}
END_TEST

START_TEST(two_listeners_have_ports_of_their_own)
{
    struct settings settings;
    struct failure failure = {0};
    static const char words[] =
        "listen and probe-listen need ports of their own, on whatever addresses: both are 8080.";
    REFUSED(words, "--model", "m", "--probe-listen", "127.0.0.1:8080");
    REFUSED(words, "--model", "m", "--listen", "[::1]:8080", "--probe-listen", "[::]:08080");
    REFUSED(words, "--model", "m", "--listen", "localhost:8080", "--probe-listen", "127.0.0.2:8080");
    write_file("model: m\nlisten: 10.0.0.1:8080\n");
    setenv("CXRD_PROBE_LISTEN", "127.0.0.1:8080", 1);
    REFUSED(words, "--config", path);
    ck_assert_msg(!READ(&failure, &settings, "--config", path, "--listen", "127.0.0.1:0", "--probe-listen",
                        "127.0.0.1:0"),
                  "%s", failure.sentence);
    settings_finish(&settings);
    ck_assert_msg(!READ(&failure, &settings, "--config", path, "--probe-listen", ""), "%s", failure.sentence);
    ck_assert_ptr_null(settings.probe_listen);
    settings_finish(&settings);
}
END_TEST

START_TEST(files_are_checked_as_well)
{
    write_file("model: m\nhat: 1\n");
    REFUSED("key 'hat'", "--config", path);
    write_file("model: m\nthreads: many\n");
    REFUSED("key 'threads'", "--config", path);
    write_file("model: m\nthreads: [1, 2]\n");
    REFUSED("1 time", "--config", path);
    write_file("model: {a: b}\n");
    REFUSED("key 'model'", "--config", path);
    write_file("- model\n");
    REFUSED("must be a mapping", "--config", path);
    write_file("model: [\n");
    REFUSED("malformed", "--config", path);
    setenv("CXRD_THREADS", "none", 1);
    REFUSED("CXRD_THREADS must be", "--model", "m");
}
END_TEST

START_TEST(help_names_every_option)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    settings_describe(out);
    fclose(out);
    ck_assert_ptr_nonnull(strstr(text, "--listen ADDRESS:PORT"));
    ck_assert_ptr_nonnull(strstr(text, "(127.0.0.1:8080)"));
    ck_assert_ptr_nonnull(strstr(text, "--config FILE"));
    free(text);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("settings");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, nothing_given_means_the_defaults);
    tcase_add_test(cases, no_keys_by_mistake_is_told);
    tcase_add_test(cases, the_command_line_wins_over_environment_over_file);
    tcase_add_test(cases, what_is_wrong_is_named);
    tcase_add_test(cases, two_listeners_have_ports_of_their_own);
    tcase_add_test(cases, files_are_checked_as_well);
    tcase_add_test(cases, help_names_every_option);
    return suite_run("server/settings", cases);
}
