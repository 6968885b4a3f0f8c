#include "server/settings.h"

#include "engine/base/file.h"
#include "engine/base/log.h"
#include "engine/base/yaml_json.h"
#include "engine/sandbox/pool.h"
#include "server/address.h"

#include <assert.h>
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum setting_kind {
    SETTING_TEXT,
    SETTING_GUARD,
    SETTING_ADDRESS,
    SETTING_LIST,
    SETTING_NUMBER,
    SETTING_CHOICE
};

enum { SETTINGS_FILE_BYTES_MAX = 1 << 16, CHOICES_MAX = 4, LIST_MAX = SETTINGS_MODELS_MAX };
static_assert(LIST_MAX == (int)SETTINGS_DEVICES_MAX, "one bound for all lists");

struct setting {
    const char *name;
    enum setting_kind kind;
    size_t offset; /* in struct settings */
    const char *fallback;
    uint32_t minimum, maximum;
    const char *choices[CHOICES_MAX + 1]; /* the value is the choice's number */
    const char *argument, *help;
    size_t count_offset; /* of a list, in struct settings */
};

#define VARIABLE_PREFIX "CXRD_"
#define AT(member)      offsetof(struct settings, member)
/* Rows of the table by their kind; `argument` is what stands behind the option in --help. */
#define LIST(word, member, counter, form, text)                                                \
    {                                                                                          \
        .name = word, .kind = SETTING_LIST, .offset = AT(member), .count_offset = AT(counter), \
        .argument = form, .help = text                                                         \
    }
#define TEXT(word, member, value, form, text)                                                          \
    {                                                                                                  \
        .name = word, .kind = SETTING_TEXT, .offset = AT(member), .fallback = value, .argument = form, \
        .help = text                                                                                   \
    }
#define ADDRESS(word, member, value, text)                                              \
    {                                                                                   \
        .name = word, .kind = SETTING_ADDRESS, .offset = AT(member), .fallback = value, \
        .argument = "ADDRESS:PORT", .help = text                                        \
    }
#define NUMBER(word, member, value, least, most, text)                                                   \
    {                                                                                                    \
        .name = word, .kind = SETTING_NUMBER, .offset = AT(member), .fallback = value, .minimum = least, \
        .maximum = most, .argument = "N", .help = text                                                   \
    }
/* A text that keeps somebody out: an empty one, as of a variable that was forgotten, is refused. */
#define GUARD(word, member, form, text)                                                           \
    {                                                                                             \
        .name = word, .kind = SETTING_GUARD, .offset = AT(member), .argument = form, .help = text \
    }
#define CHOICE(word, member, value, form, text, ...)                                   \
    {                                                                                  \
        .name = word, .kind = SETTING_CHOICE, .offset = AT(member), .fallback = value, \
        .choices = {__VA_ARGS__}, .argument = form, .help = text                       \
    }
enum { HOUR_MS = 3600000 };

/* "config" names the settings file itself: it is handled apart and stays last. */
/* clang-format off */
static const struct setting table[] = {
    LIST("model", models, model_count, "DIR", "model package; repeat it for several"),
    ADDRESS("listen", listen, "127.0.0.1:8080", "where to serve"),
    ADDRESS("probe-listen", probe_listen, NULL,
            "a second listener with its own port and threads for /healthz, /readyz and /metrics"),
    GUARD("api-keys", api_keys, "FILE",
         "lines of NAME:SHA256_OF_KEY[:REQUESTS_PER_MINUTE]; only these keys may ask"),
    TEXT("cors-origins", cors_origins, NULL, "ORIGIN,...", "pages whose scripts may read answers, or '*'"),
    LIST("device", devices, device_count, "auto|cpu|INDEX|UUID", "see `cxrd devices`; repeat it for several"),
    TEXT("rung", rung, NULL, "NAME", "forces a rung of kernels"),
    CHOICE("precision", precision, "auto", "auto|fp16|fp32", "of the weights on the device", "auto", "fp16", "fp32"),
    TEXT("cache-folder", cache_folder, NULL, "DIR", "keeps compiled pipelines; $XDG_CACHE_HOME/cxrd or ~/.cache/cxrd by default"),
    NUMBER("max-batch", max_batch, "0", 0, 64, "images a batch; 0: 8, on a CPU 4"),
    NUMBER("batches-in-flight", batches_in_flight, "0", 0, 3, "handed to the device at once; 0 chooses"),
    NUMBER("max-queue", max_queue, "0", 0, 4096, "images that may wait or be in preparation; 0: 256"),
    NUMBER("max-queue-delay-us", max_queue_delay_us, "0", 0, 1000000, "how long a batch waits to fill"),
    NUMBER("decoders", decoders, "0", 0, IMAGE_POOL_CHILDREN_MAX, "processes that decode images; 0: one a core"),
    CHOICE("decoder-sandbox", decoder_sandbox, "on", "on|off", "filters the system calls of these processes",
           "off", "on"),
    NUMBER("threads", threads, "256", 1, 1024, "connections served at once"),
    NUMBER("request-memory-mib", request_memory_mib, "0", 0, 1 << 20,
           "that requests in flight may hold; more get 503, one that alone needs more 413; 0: a quarter of the memory there is"),
    NUMBER("max-requests", max_requests, "0", 0, 1024,
           "for predictions, worked on at once; more than that get 503; 0: what keeps all devices busy"),
    NUMBER("head-timeout-ms", head_timeout_ms, "20000", 100, HOUR_MS,
           "for a request's head to arrive, and for its body to go on after a pause"),
    NUMBER("body-timeout-ms", body_timeout_ms, "60000", 100, HOUR_MS,
           "for a request's body to arrive, and for its answer to leave"),
    NUMBER("deadline-ms", deadline_ms, "0", 0, HOUR_MS,
           "for a prediction from its arrival to its answer, else 504; 0: none"),
    NUMBER("grace-ms", grace_ms, "5000", 0, HOUR_MS,
           "to go on serving after SIGTERM, not ready, until balancers have noticed; SIGINT skips it"),
    NUMBER("drain-timeout-ms", drain_timeout_ms, "30000", 0, HOUR_MS, "for requests in flight to end after that"),
    NUMBER("stuck-after-ms", stuck_after_ms, "60000", 0, HOUR_MS,
           "for a device with work to make progress before /healthz fails; 0: for ever"),
    NUMBER("lose-device-after", lose_device_after, "0", 0, 999999999,
           "a drill: acts as if the device were lost after N batches, once"),
    CHOICE("attention", attention, "on", "on|off", "off: neither attention maps nor pictures leave the service", "off", "on"),
    CHOICE("log-level", log_level, "info", "error|warning|info|debug", "how much to log",
           "error", "warning", "info", "debug"),
    CHOICE("log-format", log_format, "json", "text|json", "of the log", "text", "json"),
    CHOICE("log-client-address", log_client_address, "off", "on|off", "logs where each request came from", "off", "on"),
    TEXT("trusted-proxies", trusted_proxies, NULL, "ADDRESS[/BITS],...",
         "whose X-Forwarded-For says where a request came from"),
    CHOICE("core-dumps", core_dumps, "off", "on|off", "of this process, which hold images and keys", "off", "on"),
    {.name = "config", .kind = SETTING_TEXT, .argument = "FILE", .help = "a YAML file whose keys are these options"},
};
/* clang-format on */
enum { SETTING_COUNT = sizeof table / sizeof *table, SETTING_CONFIG = SETTING_COUNT - 1 };
static_assert(LOG_ERROR == 0 && LOG_DEBUG == 3 && LOG_TEXT == 0 && LOG_JSON == 1, "the choices are in order");

/* What one setting was given, and where: "--threads", "CXRD_THREADS", "key 'threads' of FILE". */
struct given {
    const char *values[LIST_MAX];
    size_t count;
    const char *where;
};

/* The table's row, or -1 with a sentence. */
static int find_setting(const char *name, size_t length, const char *where, struct failure *failure)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        if (strlen(table[i].name) == length && !strncmp(table[i].name, name, length))
            return i;
    if (!strncmp(name, "tls", 3) || !strncmp(name, "ssl", 3))
        failure_set(failure, STATUS_BAD_REQUEST,
                    "%s: this service speaks plain HTTP; let a proxy in front of it end TLS.", where);
    else
        failure_set(failure, STATUS_BAD_REQUEST, "%s is no option; `cxrd serve --help` lists them.", where);
    return -1;
}

static enum status add_value(struct given *given, int i, const char *value, const char *where,
                             struct failure *failure)
{
    size_t most = table[i].kind == SETTING_LIST ? LIST_MAX : 1;
    if (given[i].count == most)
        return failure_set(failure, STATUS_BAD_REQUEST, "%s can be given %zu time%s.", where, most,
                           most > 1 ? "s" : "");
    given[i].values[given[i].count++] = value;
    given[i].where = where;
    return STATUS_OK;
}

static enum status read_arguments(int count, char *const *arguments, struct arena *arena,
                                  struct failure *failure, struct given *given)
{
    for (int at = 0; at < count; at++) {
        const char *argument = arguments[at];
        if (strncmp(argument, "--", 2) || !argument[2])
            return failure_set(failure, STATUS_BAD_REQUEST,
                               "'%s' is no option; `cxrd serve --help` lists them.", argument);
        size_t length = strcspn(argument, "=");
        char *where = arena_copy_text(arena, argument, length);
        int i = find_setting(argument + 2, length - 2, where, failure);
        if (i < 0)
            return STATUS_BAD_REQUEST;
        const char *value = argument[length] ? argument + length + 1
                            : at + 1 < count ? arguments[++at]
                                             : NULL;
        if (!value)
            return failure_set(failure, STATUS_BAD_REQUEST, "%s needs a value: %s.", where,
                               table[i].argument);
        enum status status = add_value(given, i, value, where, failure);
        if (status)
            return status;
    }
    return STATUS_OK;
}

/* "CXRD_API_KEYS" */
static char *variable_of(const struct setting *setting, struct arena *arena)
{
    char *name = arena_format(arena, VARIABLE_PREFIX "%s", setting->name);
    for (char *at = name; *at; at++)
        *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
    return name;
}

/* Warns of variables that look like an option's and are none. Kubernetes makes some for a service of this
 * name. */
static void check_variables(struct arena *arena)
{
    static const char *const others[] = {"CXRD_SERVICE_", "CXRD_PORT", "CXRD_TEST_"};
    for (char **at = environ; *at; at++) {
        size_t length = strcspn(*at, "=");
        bool known = strncmp(*at, VARIABLE_PREFIX, strlen(VARIABLE_PREFIX)) != 0;
        for (size_t i = 0; i < sizeof others / sizeof *others && !known; i++)
            known = !strncmp(*at, others[i], strlen(others[i]));
        for (int i = 0; i < SETTING_COUNT && !known; i++) {
            const char *name = variable_of(&table[i], arena);
            known = strlen(name) == length && !strncmp(*at, name, length);
        }
        if (!known)
            log_message(LOG_WARNING, "The environment variable %.*s is no option; is its name misspelt?",
                        length < 60 ? (int)length : 60, *at);
    }
}

/* Environment variables count where the command line said nothing. Lists have commas. */
static enum status read_environment(struct arena *arena, struct failure *failure, struct given *given)
{
    check_variables(arena);
    for (int i = 0; i < SETTING_COUNT; i++) {
        char *name = variable_of(&table[i], arena);
        const char *value = getenv(name);
        if (!value || given[i].count || (!*value && table[i].kind != SETTING_GUARD))
            continue;
        char *copy = arena_copy_text(arena, value, strlen(value)), *rest = copy;
        while (rest) {
            const char *one = table[i].kind == SETTING_LIST ? strsep(&rest, ",") : strsep(&rest, "");
            bool counts = *one || table[i].kind == SETTING_GUARD;
            enum status status = counts ? add_value(given, i, one, name, failure) : STATUS_OK;
            if (status)
                return status;
        }
    }
    return STATUS_OK;
}

static enum status file_value(const struct json *value, int i, const char *where, struct arena *arena,
                              struct failure *failure, struct given *given)
{
    double number;
    const char *text = json_text(value);
    if (text)
        return add_value(given, i, arena_copy_text(arena, text, strlen(text)), where, failure);
    if (json_number(value, &number))
        return add_value(given, i, arena_format(arena, "%.17g", number), where, failure);
    return failure_set(failure, STATUS_BAD_REQUEST, "%s must be %s.", where,
                       table[i].kind == SETTING_LIST ? "a text or a list of texts" : "a text or a number");
}

static enum status file_member(const struct json *member, const char *path, struct arena *arena,
                               const bool *settled, struct failure *failure, struct given *given)
{
    const char *name = json_name(member);
    char *where = arena_format(arena, "key '%s' of %s", name, path);
    int i = find_setting(name, strlen(name), where, failure);
    if (i < 0)
        return STATUS_BAD_REQUEST;
    if (settled[i] || i == SETTING_CONFIG)
        return STATUS_OK;
    if (!json_is_array(member))
        return file_value(member, i, where, arena, failure, given);
    enum status status = STATUS_OK;
    for (const struct json *item = json_first(member); item && !status; item = json_next(item))
        status = file_value(item, i, where, arena, failure, given);
    return status;
}

static enum status read_file(const char *path, struct arena *arena, struct failure *failure,
                             struct given *given)
{
    struct bytes text = {0};
    struct json *root = NULL;
    bool settled[SETTING_COUNT];
    for (int i = 0; i < SETTING_COUNT; i++)
        settled[i] = given[i].count > 0;
    enum status status = file_read_text(path, SETTINGS_FILE_BYTES_MAX, failure, &text);
    if (status)
        return status;
    status = yaml_parse(text, failure, &root);
    if (status)
        failure_prefix(failure, "%s", path);
    else if (!json_is_object(root))
        status = failure_set(failure, STATUS_BAD_REQUEST, "%s must be a mapping of options.", path);
    for (const struct json *member = json_first(root); member && !status; member = json_next(member))
        status = file_member(member, path, arena, settled, failure, given);
    json_destroy(&root);
    free((void *)text.data);
    return status;
}

/* An empty text is an address only where there must be one. */
static enum status check_address(const struct setting *setting, const char *value, const char *where,
                                 struct failure *failure)
{
    char host[ADDRESS_HOST_BYTES];
    int port;
    if (!value || (!*value && !setting->fallback) || address_split(value, host, &port))
        return STATUS_OK;
    return failure_set(failure, STATUS_BAD_REQUEST, "%s must be " ADDRESS_FORM ", not '%.60s'.", where,
                       value);
}

/* A listener knows its connections by their port, so two never share one. Port 0 is chosen later. */
static enum status check_ports(const struct settings *settings, struct failure *failure)
{
    char host[ADDRESS_HOST_BYTES];
    int port, probe_port;
    if (!address_split(settings->listen, host, &port) ||
        !address_split(settings->probe_listen, host, &probe_port) || !port || port != probe_port)
        return STATUS_OK;
    return failure_set(failure, STATUS_BAD_REQUEST,
                       "listen and probe-listen need ports of their own, on whatever addresses: both are %d.",
                       port);
}

static enum status convert(const struct setting *setting, const struct given *given, struct failure *failure,
                           struct settings *out)
{
    void *at = (char *)out + setting->offset;
    const char *value = given->count ? given->values[0] : setting->fallback;
    if (setting->kind == SETTING_LIST) {
        memcpy(at, given->values, given->count * sizeof *given->values);
        *(size_t *)((char *)out + setting->count_offset) = given->count;
    } else if (setting->kind == SETTING_GUARD && value && !*value) {
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%s is empty: without the option everyone may ask; leave it out, or give it %s.",
                           given->where, setting->argument);
    } else if (setting->kind == SETTING_TEXT || setting->kind == SETTING_GUARD ||
               setting->kind == SETTING_ADDRESS) {
        *(const char **)at = value && *value ? value : NULL;
        if (setting->kind == SETTING_ADDRESS)
            return check_address(setting, value, given->where, failure);
    } else if (setting->kind == SETTING_NUMBER) {
        char *end = NULL;
        unsigned long number = strtoul(value, &end, 10);
        if (!isdigit((unsigned char)*value) || *end || strlen(value) > 9 || number < setting->minimum ||
            number > setting->maximum)
            return failure_set(failure, STATUS_BAD_REQUEST,
                               "%s must be a whole number from %u to %u, not '%.60s'.", given->where,
                               setting->minimum, setting->maximum, value);
        *(uint32_t *)at = (uint32_t)number;
    } else {
        uint32_t choice = 0;
        while (setting->choices[choice] && strcmp(setting->choices[choice], value))
            choice++;
        if (!setting->choices[choice])
            return failure_set(failure, STATUS_BAD_REQUEST, "%s must be one of %s, not '%.60s'.",
                               given->where, setting->argument, value);
        *(uint32_t *)at = choice;
    }
    return STATUS_OK;
}

enum status settings_read(int count, char *const *arguments, struct failure *failure, struct settings *out)
{
    struct given given[SETTING_COUNT] = {0};
    struct settings settings = {.arena = arena_create()};
    enum status status = read_arguments(count, arguments, settings.arena, failure, given);
    if (!status)
        status = read_environment(settings.arena, failure, given);
    if (!status && given[SETTING_CONFIG].count)
        status = read_file(given[SETTING_CONFIG].values[0], settings.arena, failure, given);
    for (int i = 0; i < SETTING_CONFIG && !status; i++)
        status = convert(&table[i], &given[i], failure, &settings);
    if (!status && !settings.model_count)
        status = failure_set(failure, STATUS_BAD_REQUEST, "No model is given; use --model DIR.");
    if (!status)
        status = check_ports(&settings, failure);
    if (status)
        settings_finish(&settings);
    else
        *out = settings;
    return status;
}

void settings_finish(struct settings *settings)
{
    arena_destroy(&settings->arena);
}

void settings_describe(FILE *out)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        char option[64];
        snprintf(option, sizeof option, "--%s %s", table[i].name, table[i].argument);
        fprintf(out, "  %-38s %s%s%s%s\n", option, table[i].help, table[i].fallback ? " (" : "",
                table[i].fallback ? table[i].fallback : "", table[i].fallback ? ")" : "");
    }
}
