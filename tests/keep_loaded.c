/* Preloaded under the leak sanitizer: libraries stay mapped once loaded, so that what a Vulkan driver leaks
 * at its unloading is reported with the driver's name, and tests/lsan.supp can tell it from what this program
 * leaks. */
int dlclose(void *library);

int dlclose(void *library)
{
    (void)library;
    return 0;
}
