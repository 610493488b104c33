/* Structs that a caller allocates begin with `uint32_t struct_size`: how much of the struct the caller's version of
 * the library knew. They only grow at the end, so what both know is a prefix. */
#ifndef LAM_BASE_OPTIONS_H
#define LAM_BASE_OPTIONS_H

#include <stddef.h>

#include "base/error.h"

/* Copies what the caller's struct has over the defaults in `out`, a struct of `size` bytes; NULL changes nothing. A
 * size that LAM_…_INIT (`init`, for the message) cannot have set is refused: the options would be ignored. */
enum lam_status lam_options_read(const void *given, const char *init, void *out, size_t size, struct lam_error *error);

/* Copies as much of `result`, a struct of `size` bytes, as the caller's struct has room for; NULL is allowed. */
void lam_result_write(const void *result, size_t size, void *out);

#endif
