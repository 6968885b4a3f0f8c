/* `cxrd serve` over the fake engine, for tests of HTTP itself: fast, the same everywhere, and slow on
 * request. */
#include "cli/command.h"

int main(int argc, char **argv)
{
    command_prepare();
    return command_serve(argc, argv);
}
