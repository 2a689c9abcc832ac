/* Counts the calls by which processes change files below one folder, and at a chosen one kills them or lets it fail.
 *
 * Loaded by LD_PRELOAD into a process and its children, which share the settings and the count in the file that
 * $FAULTS_CONTROL names (struct control; written by faults.py). Without settings that are armed, all calls pass.
 * Calls that a library makes without the C library (Go) are not seen.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum action { COUNT, KILL, FAIL_ONCE, FAIL_ON };
enum call { OPEN, WRITE, SYNC, TRUNCATE, RENAME, LINK, UNLINK, MKDIR };
static const char *const NAMES[] = {"open", "write", "fsync", "truncate", "rename", "link", "unlink", "mkdir"};

struct control {
    volatile uint32_t armed, action;
    volatile int32_t error;
    /* One bit for each kind of call that may fail. */
    volatile uint32_t calls;
    /* The call that is hit, from 1; and how many there were. */
    volatile uint64_t at, count;
    /* The process group that is killed, after which no process of it goes on; 0: only the process that calls. */
    volatile int32_t group;
    volatile uint32_t dead, keep_content, lock;
    char root[PATH_MAX];
    char journal[PATH_MAX];
    /* The name at which it came about first. */
    char place[PATH_MAX];
};

static struct control *control;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("FAULTS_CONTROL");
    int file = name ? syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CLOEXEC, 0) : -1;
    if (file < 0) return;
    void *at = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (at != MAP_FAILED) control = at;
    syscall(SYS_close, file);
}

#define NEXT(name) ({ static __typeof__(&name) next; if (!next) next = dlsym(RTLD_NEXT, #name); next; })

/* The full name of a path relative to a folder that is open. */
static void name_of(int folder, const char *path, char *full) {
    if (path && path[0] == '/') { snprintf(full, PATH_MAX, "%s", path); return; }
    char link[64];
    if (folder == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t size = readlink(link, full, PATH_MAX - 1);
    full[size < 0 ? 0 : size] = 0;
    if (path && size >= 0 && strlen(full) + strlen(path) + 2 < PATH_MAX) { strcat(full, "/"); strcat(full, path); }
}

static int counts(const char *full) {
    size_t size = strlen(control->root);
    return !strncmp(full, control->root, size) && (full[size] == '/' || !full[size]);
}

static void die(void) {
    if (control->group > 0) {
        control->dead = 1;
        kill(-control->group, SIGKILL);
    }
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* A call that was counted: what it does in place of, or before, what was asked for. */
struct hit { int counted, killed, failed, first; uint64_t number; };

static struct hit arrive(enum call call, const char *full) {
    struct hit hit = {0};
    if (!control || !control->armed || !counts(full)) return hit;
    if (control->dead) die();
    hit.counted = 1;
    if (control->journal[0]) while (__sync_lock_test_and_set(&control->lock, 1)) usleep(50);
    hit.number = __sync_add_and_fetch(&control->count, 1);
    int mine = control->calls & (1u << call);
    switch (control->action) {
    case KILL: hit.killed = hit.number == control->at; break;
    case FAIL_ONCE: hit.failed = mine && hit.number == control->at; break;
    case FAIL_ON: hit.failed = mine && hit.number >= control->at; break;
    }
    hit.first = (hit.killed || hit.failed) && !control->place[0];
    if (hit.first) snprintf(control->place, PATH_MAX, "%s", full);
    return hit;
}

/* Write down a call that has been made; a line, then what was written. */
static void leave(struct hit hit, enum call call, const char *full, const char *other, int64_t offset, int64_t size, int file) {
    if (!hit.counted || !control->journal[0]) return;
    int saved = errno;
    int journal = syscall(SYS_openat, AT_FDCWD, control->journal, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    char line[2 * PATH_MAX + 128];
    int64_t kept = control->keep_content && call == WRITE && size > 0 ? size : 0;
    int length = snprintf(line, sizeof line, "%lu\t%s\t%s\t%s\t%ld\t%ld\t%ld\n", hit.number, NAMES[call], full,
                          other ? other : "", (long)offset, (long)size, (long)kept);
    syscall(SYS_write, journal, line, length);
    if (kept) {
        char link[64], part[65536];
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        int again = syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
        for (int64_t done = 0; done < kept;) {
            int64_t ask = kept - done < (int64_t)sizeof part ? kept - done : (int64_t)sizeof part;
            ssize_t got = syscall(SYS_pread64, again, part, ask, offset + done);
            if (got <= 0) { memset(part, 0, ask); got = ask; }
            syscall(SYS_write, journal, part, got);
            done += got;
        }
        syscall(SYS_close, again);
    }
    syscall(SYS_close, journal);
    __sync_lock_release(&control->lock);
    errno = saved;
}

static int64_t fail(struct hit hit) {
    if (control->journal[0]) __sync_lock_release(&control->lock);
    if (hit.killed) die();
    errno = control->error;
    return -1;
}

static int watched(void) { return control && control->armed; }

/* Opening: counted where it makes a file or empties one. */
static int changes(const char *full, int flags) {
    if ((flags & O_ACCMODE) == O_RDONLY && !(flags & O_CREAT)) return 0;
    if (flags & O_TRUNC) return 1;
    return (flags & O_CREAT) && syscall(SYS_faccessat, AT_FDCWD, full, F_OK) != 0;
}

static int open_it(int folder, const char *path, int flags, mode_t mode) {
    char full[PATH_MAX];
    struct hit hit = {0};
    if (watched() && (flags & (O_WRONLY | O_RDWR | O_CREAT))) {
        name_of(folder, path, full);
        if (changes(full, flags)) hit = arrive(OPEN, full);
    }
    if (hit.killed || hit.failed) return fail(hit);
    int made = syscall(SYS_openat, folder, path, flags, mode);
    int saved = errno;
    leave(hit, OPEN, full, made < 0 ? "failed" : flags & O_TRUNC ? "empty" : "new", 0, 0, -1);
    errno = saved;
    return made;
}

#define MODE(flags) ({ mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); \
    mode = va_arg(more, int); va_end(more); } mode; })

int open(const char *path, int flags, ...) { return open_it(AT_FDCWD, path, flags, MODE(flags)); }
int open64(const char *path, int flags, ...) { return open_it(AT_FDCWD, path, flags, MODE(flags)); }
int openat(int folder, const char *path, int flags, ...) { return open_it(folder, path, flags, MODE(flags)); }
int openat64(int folder, const char *path, int flags, ...) { return open_it(folder, path, flags, MODE(flags)); }
int creat(const char *path, mode_t mode) { return open_it(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open_it(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

static FILE *stream_it(const char *path, const char *mode, FILE *(*next)(const char *, const char *)) {
    char full[PATH_MAX];
    struct hit hit = {0};
    int flags = mode[0] == 'w' ? O_WRONLY | O_CREAT | O_TRUNC : mode[0] == 'a' ? O_WRONLY | O_CREAT : O_RDONLY;
    if (watched() && flags != O_RDONLY) {
        name_of(AT_FDCWD, path, full);
        if (changes(full, flags)) hit = arrive(OPEN, full);
    }
    if (hit.killed || hit.failed) { fail(hit); return NULL; }
    FILE *made = next(path, mode);
    leave(hit, OPEN, full, !made ? "failed" : flags & O_TRUNC ? "empty" : "new", 0, 0, -1);
    return made;
}
FILE *fopen(const char *path, const char *mode) { return stream_it(path, mode, NEXT(fopen)); }
FILE *fopen64(const char *path, const char *mode) { return stream_it(path, mode, NEXT(fopen64)); }

/* Writing: a process that is killed at it has written half, and a disk that runs full takes half: the rest fails. */
static int64_t place(int file, int64_t given) {
    if (given >= 0) return given;
    int flags = syscall(SYS_fcntl, file, F_GETFL);
    return syscall(SYS_lseek, file, 0, flags >= 0 && flags & O_APPEND ? SEEK_END : SEEK_CUR);
}

static struct hit begin_write(int file, char *full) {
    struct hit none = {0};
    if (!watched()) return none;
    name_of(file, NULL, full);
    return full[0] == '/' ? arrive(WRITE, full) : none;
}

static ssize_t write_it(int file, const void *data, size_t size, int64_t given) {
    char full[PATH_MAX];
    struct hit hit = begin_write(file, full);
    int64_t at = hit.counted ? place(file, given) : 0;
    if (hit.failed && hit.first && control->action == FAIL_ON && size > 1) {
        size /= 2;
        hit.failed = 0;
    }
    if (hit.killed || hit.failed) {
        if (hit.killed && size > 1) {
            if (given >= 0) syscall(SYS_pwrite64, file, data, size / 2, given);
            else syscall(SYS_write, file, data, size / 2);
        }
        return fail(hit);
    }
    ssize_t done = given >= 0 ? syscall(SYS_pwrite64, file, data, size, given) : syscall(SYS_write, file, data, size);
    leave(hit, WRITE, full, NULL, at, done, file);
    return done;
}
ssize_t write(int file, const void *data, size_t size) { return write_it(file, data, size, -1); }
ssize_t pwrite(int file, const void *data, size_t size, off_t at) { return write_it(file, data, size, at); }
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) { return write_it(file, data, size, at); }

#define AROUND_WRITE(file, given, call) do { \
    char full[PATH_MAX]; \
    struct hit hit = begin_write(file, full); \
    int64_t at = hit.counted ? place(file, given) : 0; \
    if (hit.killed || hit.failed) return fail(hit); \
    ssize_t done = call; \
    leave(hit, WRITE, full, NULL, at, done, file); \
    return done; \
} while (0)
ssize_t writev(int file, const struct iovec *parts, int count) {
    AROUND_WRITE(file, -1, syscall(SYS_writev, file, parts, count));
}
ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at_) {
    AROUND_WRITE(file, at_, NEXT(pwritev)(file, parts, count, at_));
}
ssize_t sendfile(int file, int from, off_t *start, size_t size) {
    AROUND_WRITE(file, -1, syscall(SYS_sendfile, file, from, start, size));
}
ssize_t sendfile64(int file, int from, off64_t *start, size_t size) {
    AROUND_WRITE(file, -1, syscall(SYS_sendfile, file, from, start, size));
}
ssize_t copy_file_range(int from, off64_t *start, int file, off64_t *to, size_t size, unsigned flags) {
    AROUND_WRITE(file, to ? *to : -1, syscall(SYS_copy_file_range, from, start, file, to, size, flags));
}

#define AROUND_FILE(call_, file, size_, call) do { \
    char full[PATH_MAX] = ""; \
    struct hit hit = {0}; \
    if (watched()) { name_of(file, NULL, full); hit = arrive(call_, full); } \
    if (hit.killed || hit.failed) return fail(hit); \
    int done = call; \
    if (done == 0) leave(hit, call_, full, NULL, 0, size_, -1); \
    else if (hit.counted) leave(hit, call_, full, "failed", 0, size_, -1); \
    return done; \
} while (0)
int fsync(int file) { AROUND_FILE(SYNC, file, 0, syscall(SYS_fsync, file)); }
int fdatasync(int file) { AROUND_FILE(SYNC, file, 0, syscall(SYS_fdatasync, file)); }
int ftruncate(int file, off_t size) { AROUND_FILE(TRUNCATE, file, size, syscall(SYS_ftruncate, file, size)); }
int ftruncate64(int file, off64_t size) { AROUND_FILE(TRUNCATE, file, size, syscall(SYS_ftruncate, file, size)); }
/* It returns the error. */
int posix_fallocate(int file, off_t at, off_t size) { return ftruncate(file, at + size) ? errno : 0; }
int posix_fallocate64(int file, off64_t at, off64_t size) { return ftruncate(file, at + size) ? errno : 0; }

#define AROUND(call_, folder, path, size_, call) do { \
    char full[PATH_MAX] = ""; \
    struct hit hit = {0}; \
    if (watched()) { name_of(folder, path, full); hit = arrive(call_, full); } \
    if (hit.killed || hit.failed) return fail(hit); \
    int done = call; \
    leave(hit, call_, full, done ? "failed" : NULL, 0, size_, -1); \
    return done; \
} while (0)
int truncate(const char *path, off_t size) {
    AROUND(TRUNCATE, AT_FDCWD, path, size, syscall(SYS_truncate, path, size));
}
int truncate64(const char *path, off64_t size) {
    AROUND(TRUNCATE, AT_FDCWD, path, size, syscall(SYS_truncate, path, size));
}
int unlinkat(int folder, const char *path, int flags) {
    AROUND(UNLINK, folder, path, 0, syscall(SYS_unlinkat, folder, path, flags));
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    int done = unlink(path);
    return done && errno == EISDIR ? rmdir(path) : done;
}
int mkdirat(int folder, const char *path, mode_t mode) {
    AROUND(MKDIR, folder, path, 0, syscall(SYS_mkdirat, folder, path, mode));
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* Two names: counted where either is below the folder, and told by the new one. */
static int two(enum call call, int folder, const char *old, int other, const char *path, int flags) {
    char full[PATH_MAX] = "", from[PATH_MAX] = "";
    struct hit hit = {0};
    if (watched()) {
        name_of(other, path, full);
        if (call == LINK && folder == -1) snprintf(from, sizeof from, "%s", old);
        else name_of(folder, old, from);
        hit = arrive(call, counts(full) ? full : from);
    }
    if (hit.killed || hit.failed) return fail(hit);
    int done = call == RENAME   ? syscall(SYS_renameat2, folder, old, other, path, flags)
               : folder == -1   ? syscall(SYS_symlinkat, old, other, path)
                                : syscall(SYS_linkat, folder, old, other, path, flags);
    if (hit.counted && !done) leave(hit, call, full, from, 0, 0, -1);
    else if (hit.counted && control->journal[0]) __sync_lock_release(&control->lock);
    return done;
}
int rename(const char *old, const char *path) { return two(RENAME, AT_FDCWD, old, AT_FDCWD, path, 0); }
int renameat(int folder, const char *old, int other, const char *path) { return two(RENAME, folder, old, other, path, 0); }
int renameat2(int folder, const char *old, int other, const char *path, unsigned flags) {
    return two(RENAME, folder, old, other, path, flags);
}
int link(const char *old, const char *path) { return two(LINK, AT_FDCWD, old, AT_FDCWD, path, 0); }
int linkat(int folder, const char *old, int other, const char *path, int flags) {
    return two(LINK, folder, old, other, path, flags);
}
int symlink(const char *old, const char *path) { return two(LINK, -1, old, AT_FDCWD, path, 0); }
int symlinkat(const char *old, int other, const char *path) { return two(LINK, -1, old, other, path, 0); }
