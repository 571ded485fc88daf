/*
 * Preloaded into User Mode Linux. Linux 6.1 as a user-mode kernel writes a fixed 2696 bytes of its processes' floating point
 * state; a processor with more of it (AMX: 11008 bytes) makes the host refuse the short write with EFAULT, and the guest's first
 * process dies. Here such a write is made whole: what the guest does not know stays in its initial state, zero.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef long (*ptrace_function)(enum __ptrace_request, ...);

static unsigned char whole[1 << 16] __attribute__((aligned(64)));
static size_t whole_size;

/* The size that this host's processor has, asked once with a buffer that is surely large enough. */
static size_t host_size(ptrace_function next, pid_t pid)
{
    if (whole_size == 0) {
        struct iovec all = {whole, sizeof whole};
        if (next(PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &all) == 0)
            whole_size = all.iov_len;
        memset(whole, 0, sizeof whole);
    }
    return whole_size;
}

long ptrace(enum __ptrace_request request, ...)
{
    static ptrace_function next;
    va_list arguments;
    struct iovec all;

    va_start(arguments, request);
    pid_t pid = va_arg(arguments, pid_t);
    void *address = va_arg(arguments, void *);
    void *data = va_arg(arguments, void *);
    va_end(arguments);
    if (next == NULL)
        next = (ptrace_function)dlsym(RTLD_NEXT, "ptrace");
    if (request == PTRACE_SETREGSET && address == (void *)NT_X86_XSTATE) {
        const struct iovec *given = data;
        if (given->iov_len < host_size(next, pid)) {
            memcpy(whole, given->iov_base, given->iov_len);
            all = (struct iovec){whole, whole_size};
            data = &all;
        }
    }
    return next(request, pid, address, data);
}
