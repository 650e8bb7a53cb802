/* Shared memory of the pod: shm_overview(7) as far as it goes without mmap, which wasm has not. It is read and written by calls, each of them
   atomic up to a megabyte; words are little endian and aligned to their size. */
#ifndef PEAPOD_SHM_H
#define PEAPOD_SHM_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* shm_open(3): oflag is O_RDONLY or O_RDWR, with O_CREAT, O_EXCL, O_TRUNC. A new segment has size 0. */
int peapod_shm_open(const char *name, int oflag, mode_t mode);
int peapod_shm_close(int shm);
int peapod_shm_unlink(const char *name);
int peapod_shm_ftruncate(int shm, off_t size);
off_t peapod_shm_size(int shm);
/* All of it has to be inside the segment, else EINVAL. */
ssize_t peapod_shm_pread(int shm, void *to, size_t len, off_t at);
ssize_t peapod_shm_pwrite(int shm, const void *from, size_t len, off_t at);
/* 1: done; 0: *expected was not there, and is now what is; -1: errno. */
int peapod_shm_compare_exchange32(int shm, off_t at, uint32_t *expected, uint32_t desired);
int peapod_shm_compare_exchange64(int shm, off_t at, uint64_t *expected, uint64_t desired);
/* *before, if given, becomes the value before. */
int peapod_shm_fetch_add32(int shm, off_t at, uint32_t by, uint32_t *before);
int peapod_shm_fetch_add64(int shm, off_t at, uint64_t by, uint64_t *before);
/* futex(2): waits for a notify while the word is `expected` (else EAGAIN), at most for `limit` from now if one is given (ETIMEDOUT). */
int peapod_shm_wait(int shm, off_t at, uint32_t expected, const struct timespec *limit);
/* Wakes at most so many; how many there were. */
int peapod_shm_notify(int shm, off_t at, unsigned most);

#ifdef __cplusplus
}
#endif
#endif
