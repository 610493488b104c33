/* Making errors. The two kinds of check are LAM_CHECK for what a file may get wrong (always
 * compiled) and assert for what only we can get wrong. */
#ifndef LAM_BASE_ERROR_H
#define LAM_BASE_ERROR_H

#include <stdarg.h>

#include "lamella/status.h"

/* Fills `error` (NULL is allowed) and returns `status`. */
enum lam_status lam_fail(struct lam_error *error, enum lam_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As lam_fail with LAM_IO (LAM_NOT_FOUND, LAM_EXISTS, LAM_NO_MEMORY where `code`, an errno value, says so) and
 * ": <the system's message>" at the end. */
enum lam_status lam_fail_errno(struct lam_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<text>: " before the message of a failed call, and returns `status` as it is. Used by the
 * caller that knows which file, column or partition the failure is about. */
enum lam_status lam_fail_in(struct lam_error *error, enum lam_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tells compilers and the static analyser, which do not see into these functions, what they return: never
 * LAM_OK, and the status given. Else they take outputs of failed calls for used ones. */
static inline enum lam_status lam_not_ok(enum lam_status status) {
  if (status == LAM_OK) __builtin_unreachable();
  return status;
}
#ifndef LAM_BASE_ERROR_DEFINE
#define lam_fail(...) lam_not_ok(lam_fail(__VA_ARGS__))
#define lam_fail_errno(...) lam_not_ok(lam_fail_errno(__VA_ARGS__))
#define lam_fail_in(error, status, ...)             \
  __extension__({                                   \
    enum lam_status lam_in_status = (status);       \
    lam_fail_in(error, lam_in_status, __VA_ARGS__); \
    lam_in_status;                                  \
  })
#endif

/* Copies as much as `to` has room for. */
void lam_error_copy(struct lam_error *to, const struct lam_error *from);

/* Returns the status of a failed call to the caller. */
#define LAM_TRY(call)                                    \
  do {                                                   \
    enum lam_status lam_try_status = (call);             \
    if (lam_try_status != LAM_OK) return lam_try_status; \
  } while (0)

/* A condition that holds for every well-formed file; else LAM_CORRUPT with the sentence given. */
#define LAM_CHECK(condition, error, ...)                                                     \
  do {                                                                                       \
    if (__builtin_expect(!(condition), 0)) return lam_fail(error, LAM_CORRUPT, __VA_ARGS__); \
  } while (0)

#endif
