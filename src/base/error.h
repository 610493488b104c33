/* Making errors. The two kinds of check are LAM_CHECK for what a file may get wrong (always
 * compiled) and assert for what only we can get wrong. */
#ifndef LAM_BASE_ERROR_H
#define LAM_BASE_ERROR_H

#include <stdarg.h>

#include "lamella/status.h"

/* Fills `error` (NULL is allowed) and returns `status`. */
enum lam_status lam_fail(struct lam_error *error, enum lam_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As lam_fail with LAM_IO (LAM_NOT_FOUND, LAM_EXISTS where `code`, an errno value, says so) and
 * ": <the system's message>" at the end. */
enum lam_status lam_fail_errno(struct lam_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<text>: " before the message of a failed call, and returns `status` as it is. Used by the
 * caller that knows which file, column or partition the failure is about. */
enum lam_status lam_fail_in(struct lam_error *error, enum lam_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tells the static analyser, which does not see into them, that these never return LAM_OK. */
#ifdef __clang_analyzer__
#define lam_fail(error, status, ...) ((void)lam_fail(error, status, __VA_ARGS__), (status))
#define lam_fail_errno(error, code, ...) ((void)lam_fail_errno(error, code, __VA_ARGS__), LAM_IO)
#define lam_fail_in(error, status, ...) ((void)lam_fail_in(error, status, __VA_ARGS__), (status))
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
