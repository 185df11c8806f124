/* Writes down what a process does to the files below a folder, in order, for tests of power cuts.
 *
 * Preloaded (LD_PRELOAD), with RECORD_BELOW, the folder, and RECORD_TO, the file of the records. One at
 * a time: what the record says came first has come first. The format is in `__init__.py`.
 *
 * With KILL_AT, a number, the process is killed right before that write or sync of a file whose name
 * begins with KILL_IN.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char below[4096];
static size_t below_length;
static int to = -1;
static int32_t handles[FILES]; /* 0: nothing of ours */
static char appends[FILES];
static int32_t last;
static const char *kill_in;
static long kill_at; /* 0: never */
static char counts[FILES];

#define REAL(name)                                         \
    static __typeof__(name) *real;                         \
    if (!real)                                             \
        real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static void put(char what, int32_t handle, int64_t at, const void *one, uint32_t one_length,
                const void *two, uint32_t two_length)
{
    char head[21];
    head[0] = what;
    memcpy(head + 1, &handle, 4);
    memcpy(head + 5, &at, 8);
    memcpy(head + 13, &one_length, 4);
    memcpy(head + 17, &two_length, 4);
    struct iovec parts[] = {{head, sizeof head}, {(void *)one, one_length}, {(void *)two, two_length}};
    if (syscall(SYS_writev, to, parts, 3) != (long)(sizeof head + one_length + two_length))
        abort();
}

static void text(char what, int32_t handle, int64_t at, const char *one)
{
    put(what, handle, at, one, (uint32_t)strlen(one), NULL, 0);
}

__attribute__((constructor)) static void begin(void)
{
    const char *folder = getenv("RECORD_BELOW"), *file = getenv("RECORD_TO");
    if (!folder || !file)
        return;
    below_length = strlen(folder);
    if (below_length >= sizeof below)
        abort();
    memcpy(below, folder, below_length);
    to = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0)
        abort();
    kill_in = getenv("KILL_IN");
    const char *at = getenv("KILL_AT");
    kill_at = kill_in && at ? atol(at) : 0;
    /* Programs that this one starts are not recorded. */
    unsetenv("RECORD_TO");
    unsetenv("LD_PRELOAD");
}

static int is_below(const char *path)
{
    return to >= 0 && strncmp(path, below, below_length) == 0;
}

static void step(int fd)
{
    if (kill_at && counts[fd] && --kill_at == 0)
        kill(getpid(), SIGKILL);
}

static int32_t handle_of(int fd)
{
    return fd >= 0 && fd < FILES ? handles[fd] : 0;
}

static int opened(int fd, const char *path, int flags, int was_there)
{
    struct stat found;
    if (fd < 0)
        return fd;
    if (fd >= FILES || fstat(fd, &found))
        abort();
    handles[fd] = ++last;
    const char *name = strrchr(path, '/');
    counts[fd] = kill_at && name && strncmp(name + 1, kill_in, strlen(kill_in)) == 0;
    appends[fd] = (flags & O_APPEND) != 0;
    if (S_ISDIR(found.st_mode))
        text('D', last, 0, path);
    else
        text('O', last, (was_there ? 0 : 1) | (flags & O_TRUNC ? 2 : 0), path);
    return fd;
}

#define OPEN(name)                                                      \
    int name(const char *path, int flags, ...)                          \
    {                                                                   \
        REAL(name);                                                     \
        va_list rest;                                                   \
        va_start(rest, flags);                                          \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                   \
        if (!is_below(path))                                            \
            return real(path, flags, mode);                             \
        pthread_mutex_lock(&lock);                                      \
        int was_there = access(path, F_OK) == 0;                        \
        int fd = opened(real(path, flags, mode), path, flags, was_there); \
        pthread_mutex_unlock(&lock);                                    \
        return fd;                                                      \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                    \
    int name(int at, const char *path, int flags, ...)                  \
    {                                                                   \
        REAL(name);                                                     \
        va_list rest;                                                   \
        va_start(rest, flags);                                          \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                   \
        if (!is_below(path))                                            \
            return real(at, path, flags, mode);                         \
        pthread_mutex_lock(&lock);                                      \
        int was_there = access(path, F_OK) == 0;                        \
        int fd = opened(real(at, path, flags, mode), path, flags, was_there); \
        pthread_mutex_unlock(&lock);                                    \
        return fd;                                                      \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd)
{
    REAL(close);
    if (!handle_of(fd))
        return real(fd);
    pthread_mutex_lock(&lock);
    handles[fd] = 0;
    int result = real(fd);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t write(int fd, const void *data, size_t length)
{
    REAL(write);
    if (to < 0 || (fd != 1 && !handle_of(fd)))
        return real(fd, data, length);
    pthread_mutex_lock(&lock);
    int64_t at = 0;
    if (fd != 1)
        at = lseek(fd, 0, appends[fd] ? SEEK_END : SEEK_CUR);
    if (fd != 1)
        step(fd);
    ssize_t result = real(fd, data, length);
    if (result > 0)
        put(fd == 1 ? '!' : 'W', handle_of(fd), at, data, (uint32_t)result, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(writev);
    if (!handle_of(fd))
        return real(fd, parts, count);
    /* As much as is allowed: the first part. */
    return count ? write(fd, parts[0].iov_base, parts[0].iov_len) : 0;
}

#define PWRITE(name, offset_type)                                          \
    ssize_t name(int fd, const void *data, size_t length, offset_type at)  \
    {                                                                      \
        REAL(name);                                                        \
        if (!handle_of(fd))                                                \
            return real(fd, data, length, at);                             \
        pthread_mutex_lock(&lock);                                         \
        step(fd);                                                          \
        ssize_t result = real(fd, data, length, at);                       \
        if (result > 0)                                                    \
            put('W', handles[fd], at, data, (uint32_t)result, NULL, 0);    \
        pthread_mutex_unlock(&lock);                                       \
        return result;                                                     \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define TRUNCATE(name, offset_type)                     \
    int name(int fd, offset_type length)                \
    {                                                   \
        REAL(name);                                     \
        if (!handle_of(fd))                             \
            return real(fd, length);                    \
        pthread_mutex_lock(&lock);                      \
        step(fd);                                       \
        int result = real(fd, length);                  \
        if (!result)                                    \
            put('T', handles[fd], length, NULL, 0, NULL, 0); \
        pthread_mutex_unlock(&lock);                    \
        return result;                                  \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name)                                      \
    int name(int fd)                                    \
    {                                                   \
        REAL(name);                                     \
        if (!handle_of(fd))                             \
            return real(fd);                            \
        pthread_mutex_lock(&lock);                      \
        step(fd);                                       \
        int result = real(fd);                          \
        if (!result)                                    \
            put('S', handles[fd], 0, NULL, 0, NULL, 0); \
        pthread_mutex_unlock(&lock);                    \
        return result;                                  \
    }
SYNC(fsync)
SYNC(fdatasync)

int rename(const char *from, const char *into)
{
    REAL(rename);
    if (!is_below(from) || !is_below(into))
        return real(from, into);
    pthread_mutex_lock(&lock);
    int result = real(from, into);
    if (!result)
        put('R', 0, 0, from, (uint32_t)strlen(from), into, (uint32_t)strlen(into));
    pthread_mutex_unlock(&lock);
    return result;
}

#define PATH(name, what, declared, given)                   \
    int name declared                                       \
    {                                                       \
        REAL(name);                                         \
        if (!is_below(path))                                \
            return real given;                              \
        pthread_mutex_lock(&lock);                          \
        int result = real given;                            \
        if (!result)                                        \
            text(what, 0, 0, path);                         \
        pthread_mutex_unlock(&lock);                        \
        return result;                                      \
    }
PATH(unlink, 'U', (const char *path), (path))
PATH(rmdir, 'U', (const char *path), (path))
PATH(mkdir, 'M', (const char *path, mode_t mode), (path, mode))
