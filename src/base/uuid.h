/* Names that no other process makes, ordered by when they were made. */
#ifndef LAM_BASE_UUID_H
#define LAM_BASE_UUID_H

#include <stddef.h>

#include "base/error.h"

enum { LAM_UUID_ROOM = 37 }; /* 36 characters and a NUL */

/* A version-7 UUID (RFC 9562, 6.2 method 3: 48 bits of milliseconds, then 12 bits of their fraction, then random bits).
 * `after`, where not NULL, is an earlier one: the new one sorts behind it, whatever the clock does. */
enum lam_status lam_uuid_ordered(const char *after, char out[LAM_UUID_ROOM], struct lam_error *error);

/* A version-4 UUID: random, in no order. */
enum lam_status lam_uuid(char out[LAM_UUID_ROOM], struct lam_error *error);

/* The length of `text` without a UUID (and the '-' before it) at its end; its whole length without one. */
size_t lam_uuid_stem(const char *text, size_t size);

#endif
