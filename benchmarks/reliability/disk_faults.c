/* Counts the file operations of a process under one folder, and ends it or fills its disk at a chosen one.

   Loaded by LD_PRELOAD, so that it sees what Python, PyTorch (C++) and safetensors (Rust) write alike.
   A write at which the process is killed is done to one half. A full disk stays full. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OFF, COUNT, KILL, FULL };
static int mode = OFF, log_file = -1;
static long at, done;
static char folder[PATH_MAX];
static size_t folder_length;

/* From now on: operations under `place` are logged, and the one numbered `number` (from 0) is the fault's. */
void disk_faults_begin(const char *place, int what, long number, const char *log) {
    strncpy(folder, place, PATH_MAX - 1);
    folder_length = strlen(folder);
    log_file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    at = number, done = 0, mode = what;
}

static int inside(const char *path) {
    return mode != OFF && path && !strncmp(path, folder, folder_length);
}

static int inside_at(int at_folder, const char *path) {
    char whole[PATH_MAX * 2], link[64];
    if (mode == OFF || !path) return 0;
    if (path[0] == '/') return inside(path);
    ssize_t length = 0;
    if (at_folder == AT_FDCWD) {
        if (!getcwd(whole, PATH_MAX)) return 0;
        length = strlen(whole);
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", at_folder);
        length = readlink(link, whole, PATH_MAX);
        if (length < 0) return 0;
    }
    snprintf(whole + length, sizeof whole - length, "/%s", path);
    return inside(whole);
}

static const char *open_file(int file) {
    static __thread char path[PATH_MAX];
    char link[64];
    if (mode == OFF || file == log_file) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return NULL;
    path[length] = 0;
    return inside(path) ? path : NULL;
}

/* 0: go on. 1: the process dies here (of a write, after half of it). -1: the disk is full. */
static int fault(const char *what, const char *path, int takes_space) {
    long number = __sync_fetch_and_add(&done, 1);
    char line[PATH_MAX + 32];
    int length = snprintf(line, sizeof line, "%s %s\n", what, path);
    if (log_file >= 0) syscall(SYS_write, log_file, line, length);
    if (mode == KILL && number == at) return 1;
    if (mode == FULL && number >= at && takes_space) {
        errno = ENOSPC;
        return -1;
    }
    return 0;
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    pause();
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define AROUND(what, path, takes_space, failed) \
    switch (fault(what, path, takes_space)) { \
    case 1: die(); \
    case -1: return failed; \
    }

ssize_t write(int file, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    const char *path = open_file(file);
    if (path) switch (fault("write", path, 1)) {
        case 1: real(file, data, size / 2); die();
        case -1: return -1;
    }
    return real(file, data, size);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    const char *path = open_file(file);
    if (path) switch (fault("write", path, 1)) {
        case 1: real(file, parts, count / 2); die();
        case -1: return -1;
    }
    return real(file, parts, count);
}

#define PWRITE(name) \
    ssize_t name(int file, const void *data, size_t size, off_t place) { \
        REAL(ssize_t, name, int, const void *, size_t, off_t); \
        const char *path = open_file(file); \
        if (path) switch (fault("write", path, 1)) { \
            case 1: real(file, data, size / 2, place); die(); \
            case -1: return -1; \
        } \
        return real(file, data, size, place); \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define SENDFILE(name) \
    ssize_t name(int to, int from, off_t *place, size_t size) { \
        REAL(ssize_t, name, int, int, off_t *, size_t); \
        const char *path = open_file(to); \
        if (path) AROUND("write", path, 1, -1) \
        return real(to, from, place, size); \
    }
SENDFILE(sendfile)
SENDFILE(sendfile64)

ssize_t copy_file_range(int from, off_t *a, int to, off_t *b, size_t size, unsigned flags) {
    REAL(ssize_t, copy_file_range, int, off_t *, int, off_t *, size_t, unsigned);
    const char *path = open_file(to);
    if (path) AROUND("write", path, 1, -1)
    return real(from, a, to, b, size, flags);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, name, const char *, int, ...); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t access = va_arg(rest, mode_t); \
        va_end(rest); \
        if ((flags & O_CREAT) && inside_at(AT_FDCWD, path)) AROUND("open", path, 1, -1) \
        return real(path, flags, access); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int at_folder, const char *path, int flags, ...) { \
        REAL(int, name, int, const char *, int, ...); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t access = va_arg(rest, mode_t); \
        va_end(rest); \
        if ((flags & O_CREAT) && inside_at(at_folder, path)) AROUND("open", path, 1, -1) \
        return real(at_folder, path, flags, access); \
    }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name) \
    FILE *name(const char *path, const char *how) { \
        REAL(FILE *, name, const char *, const char *); \
        if (how[0] != 'r' && inside_at(AT_FDCWD, path)) AROUND("open", path, 1, NULL) \
        return real(path, how); \
    }
FOPEN(fopen)
FOPEN(fopen64)

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    if (inside_at(AT_FDCWD, to)) AROUND("rename", to, 1, -1)
    return real(from, to);
}

int renameat(int a, const char *from, int b, const char *to) {
    REAL(int, renameat, int, const char *, int, const char *);
    if (inside_at(b, to)) AROUND("rename", to, 1, -1)
    return real(a, from, b, to);
}

int mkdir(const char *path, mode_t access) {
    REAL(int, mkdir, const char *, mode_t);
    if (inside_at(AT_FDCWD, path)) AROUND("mkdir", path, 1, -1)
    return real(path, access);
}

int ftruncate(int file, off_t size) {
    REAL(int, ftruncate, int, off_t);
    const char *path = open_file(file);
    if (path) AROUND("truncate", path, size > 0, -1)
    return real(file, size);
}

int ftruncate64(int file, off_t size) {
    REAL(int, ftruncate64, int, off_t);
    const char *path = open_file(file);
    if (path) AROUND("truncate", path, size > 0, -1)
    return real(file, size);
}

#define SYNC(name) \
    int name(int file) { \
        REAL(int, name, int); \
        const char *path = open_file(file); \
        if (path) AROUND("sync", path, 1, -1) \
        return real(file); \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path) {
    REAL(int, unlink, const char *);
    if (inside_at(AT_FDCWD, path)) AROUND("unlink", path, 0, -1)
    return real(path);
}

int unlinkat(int at_folder, const char *path, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    if (inside_at(at_folder, path)) AROUND("unlink", path, 0, -1)
    return real(at_folder, path, flags);
}

int rmdir(const char *path) {
    REAL(int, rmdir, const char *);
    if (inside_at(AT_FDCWD, path)) AROUND("rmdir", path, 0, -1)
    return real(path);
}
