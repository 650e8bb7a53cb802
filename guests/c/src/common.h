/* What the three sources share. */
#ifndef PEAPOD_COMMON_H
#define PEAPOD_COMMON_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "communication.h"

/* Sets errno and returns -1. */
int peapod_fail(peapod_pod_ipc_error_code_t code);

/* A name as the bindings take it; they do not write to it. */
communication_string_t peapod_name(const char *name);

/* O_CREAT and O_EXCL. */
peapod_pod_ipc_creation_t peapod_creation(int oflag);

/* Nanoseconds from now until that time of CLOCK_REALTIME, 0 if it is past. False, with EINVAL, if it is no time. */
bool peapod_until(const struct timespec *until, uint64_t *nanoseconds);

/* Descriptors of open objects, from 1 on: each an index into a table of handles. */
struct peapod_table {
  struct peapod_slot {
    bool open;
    int handle;
    int flags;
    size_t size;
  } *slots;
  int len;
};

/* A free slot, or NULL with ENOMEM. */
struct peapod_slot *peapod_slot(struct peapod_table *table);
/* The descriptor's slot, or NULL with EBADF. */
struct peapod_slot *peapod_get(const struct peapod_table *table, int descriptor);
int peapod_descriptor(const struct peapod_table *table, const struct peapod_slot *slot);

#endif
