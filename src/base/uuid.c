#include "base/uuid.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { TICKS_PER_MS = 4096 }; /* 12 bits of a millisecond */

static uint64_t now_ticks(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
  return ms * TICKS_PER_MS + (uint64_t)(now.tv_nsec % 1000000) * TICKS_PER_MS / 1000000;
}

/* The ticks of a UUID that lam_uuid_ordered made: "tttttttt-tttt-7fff-…". */
static uint64_t ticks_of(const char *uuid) {
  char high[9] = "", middle[5] = "", fraction[4] = "";
  memcpy(high, uuid, 8);
  memcpy(middle, uuid + 9, 4);
  memcpy(fraction, uuid + 15, 3);
  uint64_t ms = strtoull(high, NULL, 16) << 16 | strtoull(middle, NULL, 16);
  return ms * TICKS_PER_MS + strtoull(fraction, NULL, 16);
}

enum lam_status lam_uuid_ordered(const char *after, char out[LAM_UUID_ROOM], struct lam_error *error) {
  uint64_t ticks = now_ticks(), random;
  if (after && ticks <= ticks_of(after)) ticks = ticks_of(after) + 1;
  if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
    return lam_fail_errno(error, errno, "reading random numbers for a file name");
  uint64_t ms = ticks / TICKS_PER_MS;
  snprintf(out, LAM_UUID_ROOM, "%08llx-%04llx-7%03llx-%04llx-%012llx", (unsigned long long)(ms >> 16 & 0xffffffff),
           (unsigned long long)(ms & 0xffff), (unsigned long long)(ticks % TICKS_PER_MS),
           (unsigned long long)(random >> 48 & 0x3fff) | 0x8000, (unsigned long long)(random & 0xffffffffffff));
  return LAM_OK;
}

enum lam_status lam_uuid(char out[LAM_UUID_ROOM], struct lam_error *error) {
  uint8_t b[16];
  if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
    return lam_fail_errno(error, errno, "reading random numbers for a file name");
  b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
  b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
  snprintf(out, LAM_UUID_ROOM, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
           b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
  return LAM_OK;
}

static bool is_uuid(const char *text) {
  for (size_t i = 0; i < LAM_UUID_ROOM - 1; i++) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i])) return false;
  }
  return true;
}

size_t lam_uuid_stem(const char *text, size_t size) {
  const size_t tail = LAM_UUID_ROOM; /* the UUID and its '-' */
  if (size < tail || text[size - tail] != '-' || !is_uuid(text + size - tail + 1)) return size;
  return size - tail;
}
