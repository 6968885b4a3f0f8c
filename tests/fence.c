/* Loaded before a program (LD_PRELOAD): shared memory, of which a CPU driver makes the device's, gets a page
 * that cannot be touched before and behind it. What a kernel reads or writes past an array that ends with its
 * last page then ends the program, at full speed and whatever the kernel. At the end it says how many fences
 * there were. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

enum { PAGE_BYTES = 4096 };

static atomic_uint fences;

/* Unmapping the memory leaves its fences standing: address space is plenty. */
void *mmap64(void *address, size_t size_bytes, int protection, int flags, int file, off64_t offset)
{
    void *(*map)(void *, size_t, int, int, int, off64_t) = NULL;
    *(void **)&map = dlsym(RTLD_NEXT, "mmap64");
    if (address || !(flags & MAP_SHARED) || protection != (PROT_READ | PROT_WRITE))
        return map(address, size_bytes, protection, flags, file, offset);
    size_t whole = (size_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    uint8_t *fenced = map(NULL, whole + 2 * PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fenced == MAP_FAILED)
        return MAP_FAILED;
    fences++;
    return map(fenced + PAGE_BYTES, size_bytes, protection, flags | MAP_FIXED, file, offset);
}

__attribute__((destructor)) static void say_fences(void)
{
    fprintf(stderr, "%u fences\n", fences);
}
